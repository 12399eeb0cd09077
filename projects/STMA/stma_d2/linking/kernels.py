"""The compiled loops: overlaps, suppression, and which tube takes which tubelet.

Pure functions on arrays; they stay in one file, see ``compiled``. Boxes are float32 x1, y1, x2, y2
with inclusive corners, and all arithmetic on them is float32. Letters: G groups, P their members,
W windows, N tubelets of a window, K frames of a tubelet, C classes, L live tubes, n tubelets of a
tube.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiled import compiled

_ONE = np.float32(1)
_ZERO = np.float32(0)
_TINY = np.finfo(np.float32).tiny


class LiveTubes(NamedTuple):
    """The tubes that may still grow, by class, then in the order of their last turns."""

    labels: np.ndarray  # (L,) int64
    first_windows: np.ndarray  # (L,) int64
    last_windows: np.ndarray  # (L,) int64
    last_boxes: np.ndarray  # (L, K, 4) float32, of the last tubelet
    counts: np.ndarray  # (L,) int64, how many tubelets
    totals: np.ndarray  # (L,) float64, sum of their scores


class TurnRules(NamedTuple):
    """The fields of ``LinkingRules`` that decide who takes what, in the kernel's types."""

    max_tubelets: int
    min_overlap: np.float32
    max_gap: int
    max_tube_length: int


@compiled
def pair_overlaps(boxes: np.ndarray) -> np.ndarray:
    """See :func:`stma_d2.linking.pair_overlaps`; boxes (G, P, K, 4)."""
    groups, members, length = boxes.shape[:3]
    overlaps = np.zeros((groups, members, members), np.float32)
    for group in range(groups):
        for i in range(members):
            for j in range(i + 1):
                for k in range(length):
                    overlaps[group, i, j] += _iou(boxes[group, i, k], boxes[group, j, k], True)
                overlaps[group, j, i] = overlaps[group, i, j]
    return overlaps


@compiled
def nms(
    scores: np.ndarray, overlaps: np.ndarray, threshold: np.float32, soft: bool
) -> tuple[np.ndarray, np.ndarray]:
    """See :func:`stma_d2.linking.nms`; scores (G, C, P), overlaps (G, P, P)."""
    scores = scores.copy()
    kept = scores > 0
    for group in range(scores.shape[0]):
        for label in range(scores.shape[1]):
            values, remain = scores[group, label], kept[group, label]
            queued = remain.copy()
            for pivot in _falling(values, remain):
                if not queued[pivot]:
                    continue
                queued[pivot] = False
                for other in range(len(values)):
                    if queued[other] and overlaps[group, pivot, other] > threshold:
                        queued[other] = False
                        if soft:
                            values[other] *= _ONE - overlaps[group, pivot, other]
                        else:
                            values[other] = _ZERO
                            remain[other] = False
    return scores, kept


@compiled
def match_tubelets(
    live: LiveTubes,
    windows: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    kept: np.ndarray,
    next_window: int,
    final_window: int,
    rules: TurnRules,
) -> tuple[np.ndarray, list[int], list[int], np.ndarray]:
    """Which tube takes which tubelet, from ``next_window`` to ``final_window``.

    Tubes go by number: 0 to L - 1 are the ``live`` ones, the next ones begin here.

    Args:
        live: the tubes so far.
        windows: (W,) int64, ascending; windows that are left out have no tubelets.
        boxes: (W, N, K, 4) float32.
        scores: (W, C, N) float32, after suppression.
        kept: (W, C, N) bool, who takes part.
        next_window: the first window to go through.
        final_window: the last one.
        rules: of the turns.

    Returns:
        The number of each tubelet's tube, (C, W, N) int64, -1 without one; the numbers of the tubes
        that ended, by class and then in the order in which they did; the numbers of those that
        live, likewise as in ``live``; the sum of scores of every tube, float64.
    """
    num_tubes = len(live.counts)
    num_windows, num_classes, slots = scores.shape
    size = num_tubes + num_windows * num_classes * min(slots, rules.max_tubelets)
    first = _lengthened(live.first_windows, size)
    last = _lengthened(live.last_windows, size)
    last_boxes = _lengthened(live.last_boxes, size)
    count = _lengthened(live.counts, size)
    total = _lengthened(live.totals, size)
    mean = _lengthened(live.totals / live.counts, size)
    owners = np.full((num_classes, num_windows, slots), -1, np.int64)
    all_ended, all_alive = list(range(0)), list(range(0))
    for label in range(num_classes):
        alive = [tube for tube in range(len(live.labels)) if live.labels[tube] == label]
        row = 0
        for window in range(next_window, final_window + 1):
            given = row < num_windows and windows[row] == window
            if not given and not alive:
                continue
            started = num_tubes
            _sort_falling(alive, mean)
            if given:
                owner = owners[label, row]
                best = _falling(scores[row, label], kept[row, label])[: rules.max_tubelets]
                _take_turns(alive, window, last, last_boxes, best, boxes[row], rules, owner)
                for slot in best:
                    if owner[slot] < 0:
                        owner[slot] = num_tubes
                        first[num_tubes] = window
                        num_tubes += 1
                    tube = owner[slot]
                    last[tube] = window
                    last_boxes[tube] = boxes[row, slot]
                    count[tube] += 1
                    total[tube] += scores[row, label, slot]
                    mean[tube] = total[tube] / count[tube]
                row += 1
            ended, remaining = list(range(0)), list(range(0))
            for tube in alive:
                if last[tube] == window:
                    ends = window - first[tube] + boxes.shape[2] >= rules.max_tube_length
                else:
                    ends = window - last[tube] >= rules.max_gap
                (ended if ends else remaining).append(tube)
            all_ended.extend(ended[::-1])
            alive = remaining
            alive.extend(range(started, num_tubes))
        all_alive.extend(alive)
    return owners, all_ended, all_alive, total[:num_tubes]


@compiled
def _take_turns(
    tubes: list[int],
    window: int,
    last: np.ndarray,
    last_boxes: np.ndarray,
    slots: np.ndarray,
    boxes: np.ndarray,
    rules: TurnRules,
    owner: np.ndarray,
) -> None:
    """Each of the ``tubes`` takes the first of the free ``slots`` that continues it well enough."""
    for tube in tubes:
        for slot in slots:
            if owner[slot] < 0 and (
                _continuity(last_boxes[tube], boxes[slot], window - last[tube]) >= rules.min_overlap
            ):
                owner[slot] = tube
                break


@compiled
def mean_boxes(offsets: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The mean box of each frame of a tube.

    Every frame adds up its boxes in the order of their windows: that settles how float32 rounds.

    Args:
        offsets: (n,) int64, ascending from 0: on which of the tube's frames each tubelet begins.
        boxes: (n, K, 4) float32.

    Returns:
        (frames, 4) float32; NaN where a gap leaves a frame without a box.
    """
    length = boxes.shape[1]
    sums = np.zeros((offsets[-1] + length, 4), np.float32)
    counts = np.zeros((len(sums), 1), np.float32)
    for i in range(len(offsets)):
        for k in range(length):
            counts[offsets[i] + k] += _ONE
            for side in range(4):
                sums[offsets[i] + k, side] += boxes[i, k, side]
    return sums / counts


@compiled
def _iou(first: np.ndarray, second: np.ndarray, add_one_last: bool) -> np.float32:
    """The operations of ``box_iou`` on two boxes (4,), in the same order."""
    left, top = max(first[0], second[0]), max(first[1], second[1])
    if add_one_last:
        width = min(first[2], second[2]) - left + _ONE
        height = min(first[3], second[3]) - top + _ONE
    else:
        width = min(first[2] + _ONE, second[2] + _ONE) - left
        height = min(first[3] + _ONE, second[3] + _ONE) - top
    shared = max(width, _ZERO) * max(height, _ZERO)
    area = (first[2] - first[0] + _ONE) * (first[3] - first[1] + _ONE)
    other = (second[2] - second[0] + _ONE) * (second[3] - second[1] + _ONE)
    return shared / max(area + other - shared, _TINY)


@compiled
def _continuity(last: np.ndarray, new: np.ndarray, gap: int) -> np.float32:
    """Mean overlap of tubelet ``new`` (K, 4) with ``last``, which starts ``gap`` frames before."""
    shared = len(new) - gap
    if shared <= 0:
        return _iou(new[0], last[-1], False)
    overlap = _ZERO
    for k in range(shared):
        overlap += _iou(new[k], last[k + gap], False)
    return overlap / np.float32(shared)


@compiled
def _falling(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The places of the ``members`` by falling value; of equal ones the earlier comes first."""
    places = np.flatnonzero(members)
    _sort_falling(places, values)
    return places


@compiled
def _sort_falling(places: np.ndarray | list[int], values: np.ndarray) -> None:
    """Sort ``places`` by falling value; equal ones keep their order."""
    for position in range(1, len(places)):
        place, at = places[position], position
        while at > 0 and values[places[at - 1]] < values[place]:
            places[at] = places[at - 1]
            at -= 1
        places[at] = place


@compiled
def _lengthened(array: np.ndarray, size: int) -> np.ndarray:
    """The array with zeros behind it."""
    result = np.zeros((size, *array.shape[1:]), array.dtype)
    result[: len(array)] = array
    return result
