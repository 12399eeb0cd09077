"""Linking one window after the other, at a cost that does not grow."""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np

from ..errors import InputError
from ..structures import Tube, Tubelets
from .iou import pair_overlaps
from .kernels import LiveTubes, TurnRules, match_tubelets, mean_boxes
from .nms import nms
from .rules import LinkingRules


@dataclass(frozen=True)
class LiveTube:
    """A tube that may still grow.

    Attributes:
        id: of the tube, 0-based; none appears twice in a linker.
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


@dataclass
class _Chain:
    """The n tubelets of a tube so far, in flat arrays that grow in place."""

    id: int
    label: int
    total: float = 0.0  # of the scores, summed one by one in float64
    windows: array = field(default_factory=lambda: array("q"))  # n, int64
    boxes: array = field(default_factory=lambda: array("f"))  # n * K * 4, float32
    scores: array = field(default_factory=lambda: array("f"))  # n, float32

    def extend(self, windows: np.ndarray, boxes: np.ndarray, scores: np.ndarray) -> None:
        self.windows.frombytes(windows.tobytes())
        self.boxes.frombytes(boxes.tobytes())
        self.scores.frombytes(scores.tobytes())


class OnlineLinker:
    """Links tubelets as their windows come, by the rules of :func:`link_tubelets`.

    A window costs the same whatever came before, and what is kept is the live tubes' tubelets:
    16 K + 12 bytes each. A tube that has ended is handed out and forgotten.
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
        self._turn_rules = TurnRules(
            max_tubelets=chosen.max_tubelets,
            min_overlap=np.float32(chosen.min_overlap),
            max_gap=chosen.max_gap or num_frames,
            max_tube_length=chosen.max_tube_length or sys.maxsize,
        )
        self._live: list[_Chain] = []
        self._num_tubes = 0
        self._last_window = 0

    @property
    def live(self) -> list[LiveTube]:
        """The tubes that may still grow, weak and short ones too, by class."""
        return [
            LiveTube(
                id=chain.id,
                label=chain.label,
                score=chain.total / len(chain.scores),
                first_frame=chain.windows[0],
                last_frame=chain.windows[-1] + self.num_frames - 1,
                box=np.array(chain.boxes[-4:]),
            )
            for chain in self._live
        ]

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
        return self.extend(Tubelets(np.array([window]), boxes[None], scores[None]))

    def extend(self, tubelets: Tubelets) -> list[Tube]:
        """Link the tubelets of the next windows, as :meth:`push` does one by one.

        Returns:
            The tubes that ended, by ascending class, then in the order in which they ended.

        Raises:
            InputError: if the windows are not later than the last one.
            ValueError: if K or C are others.
        """
        tubelets = tubelets.numpy()
        if (tubelets.num_frames, tubelets.num_classes) != (self.num_frames, self.num_classes):
            raise ValueError(
                f"OnlineLinker takes boxes (N, {self.num_frames}, 4) and scores "
                f"(N, {self.num_classes}), not {tubelets.boxes.shape[1:]} and "
                f"{tubelets.scores.shape[1:]}"
            )
        if not len(tubelets):
            return []
        if tubelets.windows[0] <= self._last_window:
            raise InputError(
                f"window {tubelets.windows[0]} does not follow window {self._last_window}: windows "
                "ascend, from 1 on"
            )
        return self._tubes(self._link(tubelets, int(tubelets.windows[-1])))

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
        if self._last_window > final_window:
            raise InputError(
                f"window {self._last_window} does not fit into a video of {num_frames} frames: "
                f"with tubelets of {self.num_frames} frames, windows run from 1 to {final_window}"
            )
        nothing = Tubelets(
            np.empty(0), np.empty((0, 0, self.num_frames, 4)), np.empty((0, 0, self.num_classes))
        )
        ended = self._link(nothing, final_window)
        ended += self._live
        self._live = []
        self._last_window = 0
        return self._tubes(sorted(ended, key=attrgetter("label")), num_frames)

    def _link(self, tubelets: Tubelets, final_window: int) -> list[_Chain]:
        """Link up to ``final_window``; returns what ended, by class."""
        rules = self.rules
        strong = tubelets.scores >= np.float32(rules.min_tubelet_score)
        scores, kept = nms(
            np.where(strong, tubelets.scores, np.float32(0)).transpose(0, 2, 1),
            pair_overlaps(tubelets.boxes),
            rules.tubelet_nms.iou * self.num_frames,
            soft=rules.tubelet_nms.soft,
        )
        owners, ended, alive, totals = match_tubelets(
            self._live_tubes(),
            tubelets.windows,
            np.ascontiguousarray(tubelets.boxes),
            scores,
            kept,
            self._last_window + 1,
            final_window,
            self._turn_rules,
        )
        chains = self._lengthen(tubelets, scores, owners, totals)
        self._live = [chains[number] for number in alive]
        self._last_window = final_window
        return [chains[number] for number in ended]

    def _live_tubes(self) -> LiveTubes:
        """The live chains in the arrays that `match_tubelets` takes."""
        chains, size = self._live, 4 * self.num_frames
        last_boxes = np.array([chain.boxes[-size:] for chain in chains], np.float32)
        return LiveTubes(
            labels=np.array([chain.label for chain in chains], np.int64),
            first_windows=np.array([chain.windows[0] for chain in chains], np.int64),
            last_windows=np.array([chain.windows[-1] for chain in chains], np.int64),
            last_boxes=last_boxes.reshape(len(chains), self.num_frames, 4),
            counts=np.array([len(chain.windows) for chain in chains], np.int64),
            totals=np.array([chain.total for chain in chains], np.float64),
        )

    def _lengthen(
        self, tubelets: Tubelets, scores: np.ndarray, owners: np.ndarray, totals: np.ndarray
    ) -> list[_Chain]:
        """Append to the live chains and to new ones what `match_tubelets` gave them, by number."""
        labels, rows, slots = np.nonzero(owners >= 0)
        order = np.argsort(owners[labels, rows, slots], kind="stable")  # by tube, then by window
        labels, rows, slots = labels[order], rows[order], slots[order]
        windows, boxes = tubelets.windows[rows], tubelets.boxes[rows, slots]
        scores = scores[rows, labels, slots]
        counts = np.bincount(owners[labels, rows, slots], minlength=len(totals))
        chains, start = self._live.copy(), 0
        for number, stop in enumerate(np.cumsum(counts).tolist()):
            if number == len(chains):
                chains.append(_Chain(self._num_tubes, int(labels[start])))
                self._num_tubes += 1
            chains[number].total = float(totals[number])
            chains[number].extend(windows[start:stop], boxes[start:stop], scores[start:stop])
            start = stop
        return chains

    def _tubes(self, chains: list[_Chain], num_frames: int | None = None) -> list[Tube]:
        """Make tubes of what ended; ``num_frames`` is the video's length once that is known."""
        tubes = (self._build(chain, num_frames) for chain in chains)
        return [tube for tube in tubes if tube is not None]

    def _build(self, chain: _Chain, num_frames: int | None) -> Tube | None:
        """Average the boxes frame by frame; None if the tube is too short or too weak."""
        scores = np.frombuffer(chain.scores, np.float32)
        lasting = self._lasting(scores)
        scores = scores[lasting]
        windows = np.frombuffer(chain.windows, np.int64)[lasting]
        first, end = windows[0], windows[-1] + self.num_frames
        if end - first < self.rules.min_tube_length:
            return None
        score = np.mean(scores)
        if score < self.rules.min_tube_score:
            return None
        boxes = np.frombuffer(chain.boxes, np.float32).reshape(-1, self.num_frames, 4)
        boxes = mean_boxes(windows - first, boxes[lasting])
        frames = np.arange(first, end)
        gap = np.isnan(boxes[:, 0])
        for side in boxes.T if gap.any() else ():
            side[gap] = np.interp(frames[gap], frames[~gap], side[~gap])
        inside = self._inside(frames, num_frames)
        return Tube(frames[inside], boxes[inside], chain.label, float(score))

    def _lasting(self, scores: np.ndarray) -> slice:
        """Which of a tube's tubelets remain where its weak ends are cut off."""
        if not self.rules.trim_below_median:
            return slice(None)
        strong = scores >= self.rules.trim_below_median * np.median(scores)
        if not strong.any():  # soft NMS leaves negative scores
            return slice(None)
        return slice(int(strong.argmax()), len(scores) - int(strong[::-1].argmax()))

    def _inside(self, frames: np.ndarray, num_frames: int | None) -> slice:
        """Which of a tube's frames are in the video and, if asked for, between its key frames."""
        start, stop = 0, len(frames)
        if self.rules.trim_to_key_frames:
            key = self.num_frames // 2
            start += key if frames[0] > 1 else 0
            at_end = num_frames is not None and frames[-1] >= num_frames
            stop -= 0 if at_end else self.num_frames - 1 - key
        if num_frames is not None:
            stop = min(stop, num_frames + 1 - frames[0])
        return slice(start, stop)
