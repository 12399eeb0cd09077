"""Confusion between classes: as what the actors on the frames are detected.

Detections are the boxes on frames after the protocol's suppression, as for frame-mAP, that score
`MIN_SCORE` or more. On each frame they take turns by falling score, whatever their class. Each
takes, of the true boxes that it overlaps enough, the free one that it overlaps most: that counts in
the row of the true class and the column of the detected one. One that overlaps only boxes that are
taken says again what a better one has said, and counts nowhere; one that overlaps none counts in
the row of the background. A true box that nobody takes counts in the column of the missed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..compiled import compiled

MIN_SCORE = 0.2  # from which on a detection counts as shown, here and in all commands


class Confusion:
    """Counts pairs of true and detected classes, frames by frames."""

    def __init__(self, num_classes: int, iou: float) -> None:
        """Start at zero.

        Args:
            num_classes: C.
            iou: a detection may take a true box that it overlaps by this much or more.
        """
        self._counts = np.zeros((num_classes + 1, num_classes + 1), np.int64)
        self._iou = iou

    def empty(self) -> Confusion:
        """Another one, for some of the videos, at zero."""
        return Confusion(len(self._counts) - 1, self._iou)

    def include(self, other: Confusion) -> None:
        """Count what ``other`` has counted."""
        self._counts += other._counts

    def add(
        self, scores: np.ndarray, kept: np.ndarray, overlaps: np.ndarray, labels: np.ndarray
    ) -> None:
        """Count the detections on B frames of one video.

        Args:
            scores: (B, C, P) of P boxes a frame; of equal ones the first class's is the better.
            kept: (B, C, P) bool, who is a detection at all.
            overlaps: (B, P, G) with the boxes of G true tubes, -1 where a tube is not on the frame.
            labels: (G,) int64 classes of the tubes.
        """
        frames, classes, boxes = np.nonzero(kept & (scores >= np.float32(MIN_SCORE)))
        order = np.lexsort((-scores[frames, classes, boxes], frames))
        frames, classes, boxes = frames[order], classes[order], boxes[order]
        _count(frames, classes, overlaps[frames, boxes], labels, self._iou, self._counts)

    def matrix(self, num_boxes: Sequence[int]) -> np.ndarray:
        """The counts so far.

        Args:
            num_boxes: how many true boxes each class has in all videos: the sums of its row.

        Returns:
            (C + 1, C + 1) int64; rows are true classes, then background, columns detected classes,
            then missed.
        """
        counts = self._counts.copy()
        counts[:-1, -1] = np.asarray(num_boxes) - counts[:-1, :-1].sum(axis=1)
        return counts


@compiled
def _count(
    frames: np.ndarray,
    classes: np.ndarray,
    overlaps: np.ndarray,
    labels: np.ndarray,
    iou: float,
    counts: np.ndarray,
) -> None:
    """Let D detections (D,), frame after frame, take their turns; ``overlaps`` is (D, G)."""
    taken = np.zeros(len(labels), np.bool_)
    for detection in range(len(frames)):
        if detection and frames[detection] != frames[detection - 1]:
            taken[:] = False
        best, repeats = -1, False
        for truth in range(len(labels)):
            if overlaps[detection, truth] >= iou:
                if taken[truth]:
                    repeats = True
                elif best < 0 or overlaps[detection, truth] > overlaps[detection, best]:
                    best = truth
        if best >= 0:
            taken[best] = True
            counts[labels[best], classes[detection]] += 1
        elif not repeats:
            counts[-1, classes[detection]] += 1
