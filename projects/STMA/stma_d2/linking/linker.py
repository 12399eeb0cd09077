"""From tubelets to tubes: the online linking of ACT, by MOC's rules.

Rules and order are those of ``BuildTubes`` in MOC-Detector (``ACT_utils/ACT_build.py``) and of ACT
before it (Kalogeiton et al., ICCV 2017, section 3.3), so that numbers can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from ..errors import InputError
from ..structures import Tube, WindowTubelets
from .overlap import box_iou
from .suppression import Suppression, suppress

# Pairs of boxes that are compared at once: bounds the memory, keeps temporaries in the cache.
_PAIRS_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class LinkingRules:
    """How tubelets become tubes. The defaults are MOC's published rules.

    Attributes:
        tubelet_nms: suppression of tubelets within a window and class, by the mean over the K
            frames of their boxes' IoU. If soft, the factor is 1 minus the *sum* of the IoUs, as
            published: the suppressed get negative scores, yet may still be linked.
        max_tubelets: so many tubelets of a window and class are linked, the best by score.
        min_overlap: a tube takes a tubelet only if its last tubelet overlaps that by this much,
            by the mean IoU on the frames they share; without shared frames by the IoU of the
            last box with the first.
        max_gap: a tube that finds no tubelet ends once its last tubelet started this many windows
            ago; None stands for K.
        min_tube_score: tubes whose mean score is below this are dropped.
        min_tube_length: tubes of fewer frames are dropped.
        min_tubelet_score: tubelets below this score are dropped, class by class, before anything
            else. 0 keeps all, as published, and then no tube ends because its score falls;
            above 0 tubes are trimmed in time: they end where a gap grows beyond ``max_gap``.
    """

    tubelet_nms: Suppression = Suppression(iou=0.6, soft=True)
    max_tubelets: int = 10
    min_overlap: float = 0.5
    max_gap: int | None = None
    min_tube_score: float = 0.005
    min_tube_length: int = 15
    min_tubelet_score: float = 0.0


def link_tubelets(tubelets: WindowTubelets, num_frames: int, **rules: Any) -> list[Tube]:
    """Link the tubelets of one video into tubes, each class for itself.

    Window after window, the live tubes choose in descending order of their mean score; each takes,
    among the free tubelets that overlap its last one enough, the one with the highest score.
    What nobody takes starts a tube. A tube's score is the mean of its tubelets' (float32), its box
    on a frame the mean of all its boxes there; where it bridges a gap that left frames without any
    box (only possible with ``max_gap`` above K) the box is interpolated linearly.

    Args:
        tubelets: the video's windows; boxes and scores must be finite.
        num_frames: length of the video. Windows run over 1 .. num_frames - K + 1, with a single
            window 1 for a shorter video, whose boxes beyond the last frame are dropped.
        **rules: fields of :class:`LinkingRules` that differ from MOC's.

    Returns:
        Tubes by ascending class; within a class those that ended come first in the order in which
        they ended (of several that end at one window the weakest first), then the live ones.

    Raises:
        InputError: if a window lies outside the video.
        TypeError: if a rule is unknown.
    """
    chosen = LinkingRules(**rules)
    length = tubelets.num_frames
    final_window = max(num_frames - length + 1, 1)
    windows = tubelets.windows
    if len(windows) and (windows[0] < 1 or windows[-1] > final_window):
        outside = windows[0] if windows[0] < 1 else windows[-1]
        raise InputError(
            f"window {outside} does not fit into a video of {num_frames} frames: with tubelets of "
            f"{length} frames, windows run from 1 to {final_window}"
        )
    max_gap = length if chosen.max_gap is None else chosen.max_gap

    order, scores, counts = _candidates(tubelets, chosen)
    links = [b""]
    links += [_links(tubelets, gap, chosen.min_overlap).tobytes() for gap in range(1, max_gap + 1)]
    window_list = windows.tolist()
    tubes = []
    for label in range(tubelets.num_classes):
        linker = _ClassLinker(max_gap, tubelets.boxes.shape[1])
        rows = np.flatnonzero(counts[:, label])
        steps = zip(
            rows.tolist(),
            order[rows, label].tolist(),
            scores[rows, label].tolist(),
            counts[rows, label].tolist(),
            strict=True,
        )
        for row, slots, slot_scores, count in steps:
            linker.step(window_list[row], row, slots[:count], slot_scores[:count], links)
        for chain in linker.finish(final_window):
            tube = _build_tube(chain, tubelets, label, num_frames, chosen)
            if tube is not None:
                tubes.append(tube)
    return tubes


def _candidates(
    tubelets: WindowTubelets, rules: LinkingRules
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is linked: per window and class slots and scores in descending order, and how many.

    Returns:
        Slots (W, C, n) int64, scores (W, C, n) float32, counts (W, C) int64.
    """
    scores = tubelets.scores.transpose(0, 2, 1)
    scores = np.where(scores >= rules.min_tubelet_score, scores, 0)
    slots = scores.shape[2]
    result, kept = np.empty_like(scores), np.empty(scores.shape, bool)
    threshold = rules.tubelet_nms.iou * tubelets.num_frames
    for part in _parts(len(scores), slots * slots):
        boxes = tubelets.boxes[part]
        overlaps = np.zeros((len(boxes), slots, slots), np.float32)
        for k in range(tubelets.num_frames):
            overlaps += box_iou(boxes[:, :, None, k], boxes[:, None, :, k], add_one_last=True)
        result[part], kept[part] = suppress(
            scores[part], overlaps, threshold, soft=rules.tubelet_nms.soft
        )
    best = np.argsort(np.where(kept, -result, np.inf), axis=2, kind="stable")
    best = best[:, :, : rules.max_tubelets]
    counts = np.minimum(kept.sum(axis=2), rules.max_tubelets)
    return best, np.take_along_axis(result, best, axis=2), counts


def _links(tubelets: WindowTubelets, gap: int, min_overlap: float) -> np.ndarray:
    """Who may follow whom over ``gap`` windows.

    Returns:
        (W, N, N) uint8: at [w, i, j] whether tubelet i of the window ``gap`` before window w may be
        followed by tubelet j of w; zeros where that window is absent.
    """
    boxes, windows = tubelets.boxes, tubelets.windows
    count, slots, length = boxes.shape[:3]
    linked = np.zeros((count, slots, slots), np.uint8)
    earlier = np.searchsorted(windows, windows - gap)
    rows = np.flatnonzero(windows[np.minimum(earlier, count - 1)] == windows - gap)
    for part in _parts(len(rows), slots * slots):
        new, last = boxes[rows[part]][:, None], boxes[earlier[rows[part]]][:, :, None]
        if gap < length:
            overlap = np.zeros((len(new), slots, slots), np.float32)
            for k in range(length - gap):
                overlap += box_iou(new[..., k, :], last[..., k + gap, :])
            overlap /= length - gap
        else:
            overlap = box_iou(new[..., 0, :], last[..., -1, :])
        linked[rows[part]] = overlap >= min_overlap
    return linked


def _parts(count: int, pairs_each: int) -> list[slice]:
    step = max(1, _PAIRS_AT_ONCE // max(pairs_each, 1))
    return [slice(start, start + step) for start in range(0, count, step)]


class _Chain:
    """The tubelets of one tube, in order: rows of ``WindowTubelets``, slots and scores."""

    __slots__ = ("rows", "slots", "scores", "window", "total", "mean")

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.slots: list[int] = []
        self.scores: list[float] = []
        self.total = 0.0

    def append(self, window: int, row: int, slot: int, score: float) -> None:
        self.rows.append(row)
        self.slots.append(slot)
        self.scores.append(score)
        self.window = window
        self.total += score
        self.mean = self.total / len(self.scores)


class _ClassLinker:
    """Links one class online; knows the windows so far and the tubes that they made."""

    def __init__(self, max_gap: int, num_slots: int) -> None:
        self.max_gap = max_gap
        self.num_slots = num_slots
        self.live: list[_Chain] = []
        self.ended: list[_Chain] = []
        self.window = 0

    def step(
        self, window: int, row: int, slots: list[int], scores: list[float], links: list[bytes]
    ) -> None:
        """Give the tubelets of ``window`` (at ``row``), the best first, to tubes old and new.

        The two lists are used up. ``links[gap]`` is the flat content of :func:`_links`.
        """
        self._pass_windows_until(window)
        self.live.sort(key=attrgetter("mean"), reverse=True)
        unmatched = []
        for chain in self.live:
            linked = links[window - chain.window]
            start = (row * self.num_slots + chain.slots[-1]) * self.num_slots
            for position, slot in enumerate(slots):
                if linked[start + slot]:
                    chain.append(window, row, slot, scores[position])
                    del slots[position], scores[position]
                    break
            else:
                unmatched.append(chain)
        self._end([c for c in unmatched if window - c.window >= self.max_gap])
        for slot, score in zip(slots, scores, strict=True):
            chain = _Chain()
            chain.append(window, row, slot, score)
            self.live.append(chain)
        self.window = window

    def finish(self, final_window: int) -> list[_Chain]:
        """All tubes after the video's last window, in the order in which they are emitted."""
        self._pass_windows_until(final_window + 1)
        return self.ended + self.live

    def _pass_windows_until(self, window: int) -> None:
        """Let the windows that have nothing for this class go by; ``window`` is the next."""
        if window <= self.window + 1:
            return
        self.live.sort(key=attrgetter("mean"), reverse=True)
        over = [c for c in self.live if window - c.window > self.max_gap]
        # Each ends at window `last + max_gap`.
        for last in sorted({c.window for c in over}):
            self._end([c for c in over if c.window == last])

    def _end(self, chains: list[_Chain]) -> None:
        if chains:
            self.ended.extend(reversed(chains))
            gone = {id(chain) for chain in chains}
            self.live = [c for c in self.live if id(c) not in gone]


def _build_tube(
    chain: _Chain, tubelets: WindowTubelets, label: int, num_frames: int, rules: LinkingRules
) -> Tube | None:
    """Average the chain's boxes frame by frame; None if the tube is too short or too weak."""
    span = tubelets.num_frames
    starts = tubelets.windows[chain.rows]
    length = int(starts[-1] - starts[0]) + span
    if length < rules.min_tube_length:
        return None
    score = np.mean(np.array(chain.scores, np.float32))
    if score < rules.min_tube_score:
        return None
    boxes = tubelets.boxes[chain.rows, chain.slots]  # (n, K, 4)
    total = np.zeros((length, 4), np.float32)
    count = np.zeros((length, 1), np.float32)
    # From the last frame of the tubelets to the first: each frame then sums its boxes in the order
    # of their windows, which settles how float32 rounds.
    for k in range(span - 1, -1, -1):
        at = starts - starts[0] + k
        total[at] += boxes[:, k]
        count[at] += 1
    frames = np.arange(starts[0], starts[0] + length)
    covered = count[:, 0] > 0
    total[covered] /= count[covered]
    for side in total.T if not covered.all() else ():
        side[~covered] = np.interp(frames[~covered], frames[covered], side[covered])
    inside = frames <= num_frames
    return Tube(frames[inside], total[inside], label, float(score))
