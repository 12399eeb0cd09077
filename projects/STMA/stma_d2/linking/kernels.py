"""The compiled loops of suppression and linking; they stay in one file, see ``compiled``.

Boxes are float32 x1, y1, x2, y2 with inclusive corners, and all arithmetic on them is float32.
Letters: G groups, P their members, N tubelets of a window, K frames of a tubelet, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiled import compiled
from .state import LinkerState

_ONE = np.float32(1)
_ZERO = np.float32(0)
_TINY = np.finfo(np.float32).tiny


class KernelRules(NamedTuple):
    """The fields of ``LinkingRules`` that linking itself needs, in the kernels' types."""

    nms_threshold: np.float32  # on the sum of the K overlaps
    nms_soft: bool
    max_tubelets: int
    min_overlap: np.float32
    max_gap: int
    min_tube_length: int
    max_tube_length: int
    min_tubelet_score: np.float32


@compiled
def suppress_groups(
    scores: np.ndarray, overlaps: np.ndarray, threshold: np.float32, soft: bool, kept: np.ndarray
) -> None:
    """Suppress within each group and class, in place: see :func:`~stma_d2.linking.suppress`.

    Args:
        scores: (G, C, P) float32.
        overlaps: (G, P, P) float32, symmetric.
        threshold: largest overlap with a pivot that is left alone.
        soft: lower the scores of the suppressed instead of removing them.
        kept: (G, C, P) bool, is written: who remains.
    """
    for group in range(scores.shape[0]):
        rivals, num_rivals = _rivals(overlaps[group], threshold)
        for label in range(scores.shape[1]):
            members, remain = scores[group, label], kept[group, label]
            for i in range(len(members)):
                remain[i] = members[i] > 0
            _suppress(members, remain, overlaps[group], rivals, num_rivals, soft)


@compiled
def group_overlaps(boxes: np.ndarray) -> np.ndarray:
    """See :func:`~stma_d2.linking.pair_overlaps`."""
    overlaps = np.empty((boxes.shape[0], boxes.shape[1], boxes.shape[1]), np.float32)
    for group in range(len(boxes)):
        overlaps[group] = _summed_overlaps(boxes[group])
    return overlaps


@compiled
def link_window(
    state: LinkerState, rules: KernelRules, window: int, boxes: np.ndarray, scores: np.ndarray
) -> int:
    """Give the tubelets of one window to tubes old and new.

    Args:
        state: is changed; must have room, see ``OnlineLinker``.
        rules: of linking.
        window: later than all before.
        boxes: (N, K, 4) float32.
        scores: (N, C) float32.

    Returns:
        How many tubes ended; they are in ``state.ended``, by class, then in order. Those that are
        too short are not among them.
    """
    slots = len(boxes)
    overlaps = _summed_overlaps(boxes)
    rivals, num_rivals = _rivals(overlaps, rules.nms_threshold)
    # Whether a tubelet of an earlier window may be followed by one of this; -1: not yet known.
    linked = np.full((rules.max_gap + 1, state.recent.shape[1], slots), -1, np.int8)
    values = np.empty(slots, np.float32)
    kept, free = np.empty(slots, np.bool_), np.empty(slots, np.bool_)
    ending = np.empty(state.order.shape[1], np.bool_)
    num_ended = 0
    for label in range(scores.shape[1]):
        num_ended = _pass_windows(state, rules, label, window, num_ended)
        for slot in range(slots):
            score = scores[slot, label]
            kept[slot] = score > 0 and score >= rules.min_tubelet_score
            values[slot] = score if kept[slot] else _ZERO
        _suppress(values, kept, overlaps, rivals, num_rivals, rules.nms_soft)
        candidates = _descending(values, kept)
        count = min(len(candidates), rules.max_tubelets)
        free[:count] = True

        _sort_live(state, label)
        for position in range(state.num_live[label]):
            tube = state.tubes[label, state.order[label, position]]
            gap = window - tube.last
            ending[position] = gap >= rules.max_gap
            for rank in range(count):
                slot = candidates[rank]
                if not free[rank]:
                    continue
                if linked[gap, tube.slot, slot] < 0:
                    last = state.recent[tube.last % len(state.recent), tube.slot]
                    follows = _follows(last, boxes[slot], gap) >= rules.min_overlap
                    linked[gap, tube.slot, slot] = follows
                if linked[gap, tube.slot, slot]:
                    _append(state, tube, window, boxes[slot], slot, values[slot])
                    free[rank] = False
                    length = window - tube.first + boxes.shape[1]
                    ending[position] = length >= rules.max_tube_length
                    break
        num_ended = _end(state, rules, label, ending, num_ended)

        for rank in range(count):
            if free[rank]:
                slot = candidates[rank]
                _start(state, label, window, boxes[slot], slot, values[slot])
    state.recent[window % len(state.recent), :slots] = boxes
    state.counters[0].last_window = window
    return num_ended


@compiled
def end_all(state: LinkerState, rules: KernelRules, window: int) -> int:
    """End all tubes; ``window`` is one beyond the video's last. As :func:`link_window`."""
    num_ended = 0
    for label in range(len(state.num_live)):
        num_ended = _pass_windows(state, rules, label, window, num_ended)
        for position in range(state.num_live[label]):
            tube = state.tubes[label, state.order[label, position]]
            num_ended = _hand_out(state, rules, tube, num_ended)
        state.num_live[label] = 0
    return num_ended


@compiled
def take_frames(state: LinkerState, tail: int, boxes: np.ndarray, scores: np.ndarray) -> None:
    """Move an ended tube out of the store: n frames, m tubelets.

    Args:
        state: is changed.
        tail: place of the last frame.
        boxes: (n, 4) float32, is written: the mean box of each frame, NaN where there is none.
        scores: (m,) float32, is written.
    """
    place = tail
    tubelet = len(scores)
    for i in range(len(boxes) - 1, -1, -1):
        for side in range(4):
            boxes[i, side] = state.sums[place, side] / state.counts[place]
        if not np.isnan(state.scores[place]):
            tubelet -= 1
            scores[tubelet] = state.scores[place]
        place = state.before[place]
    _free_frames(state, tail, len(boxes))


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
def _descending(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Places of the ``kept`` values by falling value; of equal ones the earlier comes first."""
    order, ranked = np.empty(len(values), np.int64), np.empty(len(values), np.float32)
    count = 0
    for i in range(len(values)):
        if kept[i]:
            value, at = values[i], count
            while at > 0 and ranked[at - 1] < value:
                order[at], ranked[at] = order[at - 1], ranked[at - 1]
                at -= 1
            order[at], ranked[at] = i, value
            count += 1
    return order[:count]


@compiled
def _rivals(overlaps: np.ndarray, threshold: np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Who overlaps whom by more than ``threshold``: lists (P, P) and their lengths (P,)."""
    rivals, num_rivals = np.empty(overlaps.shape, np.int32), np.zeros(len(overlaps), np.int32)
    for i in range(len(overlaps)):
        for j in range(len(overlaps)):
            if overlaps[i, j] > threshold and i != j:
                rivals[i, num_rivals[i]] = j
                num_rivals[i] += 1
    return rivals, num_rivals


@compiled
def _suppress(
    scores: np.ndarray,
    kept: np.ndarray,
    overlaps: np.ndarray,
    rivals: np.ndarray,
    num_rivals: np.ndarray,
    soft: bool,
) -> None:
    """Suppress among the ``kept`` of one group (P,), in place."""
    queued = kept.copy()
    for pivot in _descending(scores, kept):
        if queued[pivot]:
            queued[pivot] = False
            for rival in rivals[pivot, : num_rivals[pivot]]:
                if queued[rival]:
                    queued[rival] = False
                    if soft:
                        scores[rival] *= _ONE - overlaps[pivot, rival]
                    else:
                        scores[rival] = _ZERO
                        kept[rival] = False


@compiled
def _summed_overlaps(boxes: np.ndarray) -> np.ndarray:
    """Sums over K of the overlaps between boxes (P, K, 4): (P, P) float32."""
    members, length = boxes.shape[:2]
    overlaps = np.zeros((members, members), np.float32)
    for i in range(members):
        for j in range(i + 1):
            for k in range(length):
                overlaps[i, j] += _iou(boxes[i, k], boxes[j, k], True)
            overlaps[j, i] = overlaps[i, j]
    return overlaps


@compiled
def _follows(last: np.ndarray, new: np.ndarray, gap: int) -> np.float32:
    """How well tubelet ``new`` (K, 4) continues ``last``, which starts ``gap`` frames before."""
    shared = len(new) - gap
    if shared <= 0:
        return _iou(new[0], last[-1], False)
    overlap = _ZERO
    for k in range(shared):
        overlap += _iou(new[k], last[k + gap], False)
    return overlap / np.float32(shared)


@compiled
def _pass_windows(
    state: LinkerState, rules: KernelRules, label: int, window: int, num_ended: int
) -> int:
    """Let the windows that were left out before this go by; tubes may have ended at them."""
    previous = state.counters[0].last_window
    if window <= previous + 1:
        return num_ended
    _sort_live(state, label)
    order, tubes = state.order[label], state.tubes[label]
    ending = np.empty(len(order), np.bool_)
    for last in range(previous - rules.max_gap + 1, min(previous, window - 1 - rules.max_gap) + 1):
        for position in range(state.num_live[label]):
            ending[position] = tubes[order[position]].last == last
        num_ended = _end(state, rules, label, ending, num_ended)
    return num_ended


@compiled
def _sort_live(state: LinkerState, label: int) -> None:
    """By falling mean score; of equal ones the order stays."""
    order, tubes = state.order[label], state.tubes[label]
    for position in range(1, state.num_live[label]):
        place, at = order[position], position
        while at and tubes[order[at - 1]].mean < tubes[place].mean:
            order[at] = order[at - 1]
            at -= 1
        order[at] = place


@compiled
def _end(
    state: LinkerState, rules: KernelRules, label: int, ending: np.ndarray, num_ended: int
) -> int:
    """Hand out the live tubes at the positions marked in ``ending``, the last of them first."""
    order = state.order[label]
    num_live = state.num_live[label]
    for position in range(num_live - 1, -1, -1):
        if ending[position]:
            num_ended = _hand_out(state, rules, state.tubes[label, order[position]], num_ended)
    remain = 0
    for position in range(num_live):
        if not ending[position]:
            # Swaps the two, so that no place of `tubes` gets lost.
            order[remain], order[position] = order[position], order[remain]
            remain += 1
    state.num_live[label] = remain
    return num_ended


@compiled
def _hand_out(state: LinkerState, rules: KernelRules, tube: np.record, num_ended: int) -> int:
    length = tube.last - tube.first + state.recent.shape[2]
    if length < rules.min_tube_length:
        _free_frames(state, tube.tail, length)
        return num_ended
    state.ended[num_ended] = tube
    return num_ended + 1


@compiled
def _start(
    state: LinkerState, label: int, window: int, boxes: np.ndarray, slot: int, score: np.float32
) -> None:
    tube = state.tubes[label, state.order[label, state.num_live[label]]]
    state.num_live[label] += 1
    counters = state.counters[0]
    tube.id = counters.next_id
    counters.next_id += 1
    tube.label = label
    tube.first = window
    tube.last = window - len(boxes)  # no frame yet
    tube.number = 0
    tube.total = 0.0
    tube.tail = -1
    _append(state, tube, window, boxes, slot, score)


@compiled
def _append(
    state: LinkerState,
    tube: np.record,
    window: int,
    boxes: np.ndarray,
    slot: int,
    score: np.float32,
) -> None:
    """Lengthen a tube by a tubelet, ``boxes`` (K, 4).

    Every frame adds up its boxes in the order of their windows: that settles how float32 rounds.
    """
    counters = state.counters[0]
    for _ in range(window - tube.last):
        place = counters.first_free
        counters.first_free = state.before[place]
        counters.num_free -= 1
        state.sums[place] = 0
        state.counts[place] = 0
        state.scores[place] = np.nan
        state.before[place] = tube.tail
        tube.tail = place
    place = tube.tail
    for k in range(len(boxes) - 1, -1, -1):
        for side in range(4):
            state.sums[place, side] += boxes[k, side]
        state.counts[place] += _ONE
        if k == 0:
            state.scores[place] = score
        place = state.before[place]
    tube.last = window
    tube.slot = slot
    tube.number += 1
    tube.total += score
    tube.mean = tube.total / tube.number


@compiled
def _free_frames(state: LinkerState, tail: int, length: int) -> None:
    """Give back the ``length`` places of an ended tube."""
    first = tail
    for _ in range(length - 1):
        first = state.before[first]
    counters = state.counters[0]
    state.before[first] = counters.first_free
    counters.first_free = tail
    counters.num_free += length
