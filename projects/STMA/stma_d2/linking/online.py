"""Linking one window after the other, at a cost that does not grow."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..structures import Tube
from .kernels import KernelRules, end_all, link_window, take_frames
from .rules import LinkingRules
from .state import empty_state, make_room


@dataclass(frozen=True)
class LiveTube:
    """A tube that may still grow.

    Attributes:
        id: of the tube, 0-based by order of appearance; none appears twice in a linker.
        label: 0-based class index.
        score: mean score of its tubelets so far.
        first_frame: 1-based.
        last_frame: 1-based, the last that its tubelets have reached so far.
        box: (4,) float32 x1, y1, x2, y2 on the last frame.
    """

    id: int
    label: int
    score: float
    first_frame: int
    last_frame: int
    box: np.ndarray


class OnlineLinker:
    """Links tubelets as their windows come, by the rules of :func:`link_tubelets`.

    A window costs the same whatever came before, and what is kept is the live tubes' frames: 32
    bytes each. A tube that has ended is handed out and forgotten.
    """

    def __init__(self, num_classes: int, num_frames: int, **rules: Any) -> None:
        """Start with no tubes.

        Args:
            num_classes: C.
            num_frames: K, frames of a tubelet.
            **rules: fields of :class:`LinkingRules` that differ from MOC's.

        Raises:
            InputError: if a rule has no meaning.
            TypeError: if a rule is unknown.
        """
        self.num_classes = num_classes
        self.num_frames = num_frames
        self.rules = chosen = LinkingRules(**rules)
        self._rules = KernelRules(
            nms_threshold=np.float32(chosen.tubelet_nms.iou * num_frames),
            nms_soft=chosen.tubelet_nms.soft,
            max_tubelets=chosen.max_tubelets,
            min_overlap=np.float32(chosen.min_overlap),
            max_gap=num_frames if chosen.max_gap is None else chosen.max_gap,
            min_tube_length=chosen.min_tube_length,
            max_tube_length=chosen.max_tube_length or sys.maxsize,
            min_tubelet_score=np.float32(chosen.min_tubelet_score),
        )
        self._state = empty_state(num_classes, num_frames, self._rules.max_gap)

    def push(self, window: int, boxes: np.ndarray, scores: np.ndarray) -> list[Tube]:
        """Link the tubelets of the next window.

        Args:
            window: its 1-based first frame; windows without tubelets may be left out.
            boxes: (N, K, 4) float32, x1, y1, x2, y2, finite.
            scores: (N, C) float32, finite; 0 means "no detection of this class".

        Returns:
            The tubes that end at this window, or ended at one that was left out, and are neither
            too short nor too weak; by ascending class.

        Raises:
            InputError: if the window is not later than the last one.
            ValueError: if the shapes do not fit.
        """
        boxes = np.ascontiguousarray(boxes, np.float32)
        scores = np.ascontiguousarray(scores, np.float32)
        expected = (len(boxes), self.num_frames, 4), (len(boxes), self.num_classes)
        if (boxes.shape, scores.shape) != expected:
            raise ValueError(
                f"OnlineLinker takes boxes (N, {self.num_frames}, 4) and scores "
                f"(N, {self.num_classes}), not {boxes.shape} and {scores.shape}"
            )
        last = self._state.counters[0]["last_window"]
        if window <= last:
            raise InputError(f"window {window} comes after window {last}: windows must ascend")
        self._state = make_room(self._state, len(boxes), self.rules.max_tubelets)
        return self._take(link_window(self._state, self._rules, window, boxes, scores))

    @property
    def live(self) -> list[LiveTube]:
        """The tubes that may still grow, weak and short ones too, by class."""
        state = self._state
        reach = self.num_frames - 1
        tubes = np.concatenate(
            [
                row[order[:count]]
                for row, order, count in zip(state.tubes, state.order, state.num_live, strict=True)
            ]
        )
        boxes = state.sums[tubes["tail"]] / state.counts[tubes["tail"], None]
        fields = (tubes[name].tolist() for name in ("id", "label", "mean", "first", "last"))
        return [
            LiveTube(id, label, mean, first, last + reach, box)
            for id, label, mean, first, last, box in zip(*fields, boxes, strict=True)
        ]

    def finish(self, num_frames: int) -> list[Tube]:
        """End all tubes and forget everything: the next push begins another video.

        Args:
            num_frames: length of the video; boxes beyond it are dropped.

        Returns:
            By ascending class the tubes that ended after the last push, then those that were live
            at the video's end.

        Raises:
            InputError: if the last window does not fit into the video.
        """
        final_window = max(num_frames - self.num_frames + 1, 1)
        last = self._state.counters[0]["last_window"]
        if last > final_window:
            raise InputError(
                f"window {last} does not fit into a video of {num_frames} frames: with tubelets of "
                f"{self.num_frames} frames, windows run from 1 to {final_window}"
            )
        tubes = self._take(end_all(self._state, self._rules, final_window + 1), num_frames)
        self._state.counters["last_window"] = 0
        return tubes

    def _take(self, num_ended: int, num_frames: int | None = None) -> list[Tube]:
        """Make the tubes that just ended; ``num_frames`` is the video's, once that is known."""
        tubes = (self._build(ended, num_frames) for ended in self._state.ended[:num_ended])
        return [tube for tube in tubes if tube is not None]

    def _build(self, ended: np.record, num_frames: int | None) -> Tube | None:
        """Average the boxes frame by frame; None if the tube is too weak."""
        first = int(ended["first"])
        length = int(ended["last"]) - first + self.num_frames
        boxes = np.empty((length, 4), np.float32)
        scores = np.empty(ended["number"], np.float32)
        take_frames(self._state, ended["tail"], boxes, scores)
        score = np.mean(scores)
        if score < self.rules.min_tube_score:
            return None
        frames = np.arange(first, first + length)
        gap = np.isnan(boxes[:, 0])
        for side in boxes.T if gap.any() else ():
            side[gap] = np.interp(frames[gap], frames[~gap], side[~gap])
        inside = slice(None if num_frames is None else max(num_frames - first + 1, 0))
        return Tube(frames[inside], boxes[inside], int(ended["label"]), float(score))
