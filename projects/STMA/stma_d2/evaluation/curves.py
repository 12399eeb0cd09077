"""What plots show beside the numbers of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .confusion import MIN_SCORE
from .frame_map import ClassDetections, Outcome

_POINTS = 101  # of a stored curve: more than a plot can show


@dataclass(frozen=True)
class Curves:
    """Curves and counts of one evaluation.

    Attributes:
        frame_iou: overlap from which on a box is right, of ``precision_recall`` and ``confusion``.
        precision_recall: ``{label: (precision (n,), recall (n,))}`` of the boxes on frames, see
            `sampled_precision_recall`, for the classes that have ground truth.
        video_map_over_iou: ``{overlap: video-mAP in percent}``, by ascending overlap.
        labels: all C class names.
        confusion: (C + 1, C + 1) int64, see :mod:`~stma_d2.evaluation.confusion`.
    """

    frame_iou: float
    precision_recall: dict[str, tuple[np.ndarray, np.ndarray]]
    video_map_over_iou: dict[float, float]
    labels: tuple[str, ...]
    confusion: np.ndarray

    def record(self) -> dict[str, Any]:
        """The same as plain values for JSON; ``confusion`` with the score from which it counts."""
        return {
            "frame_iou": self.frame_iou,
            "precision_recall": {
                label: {"precision": precision.tolist(), "recall": recall.tolist()}
                for label, (precision, recall) in self.precision_recall.items()
            },
            "video_mAP_over_iou": [list(pair) for pair in self.video_map_over_iou.items()],
            "confusion": {
                "labels": list(self.labels),
                "min_score": MIN_SCORE,
                "counts": self.confusion.tolist(),
            },
        }


def sampled_precision_recall(detections: ClassDetections) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall with each correct detection, evenly thinned out to 101 points.

    Args:
        detections: of a class that has ground truth.

    Returns:
        (n,) float64 each, n <= 101; none where nothing is found. The last one is the final recall.
    """
    ranks = np.flatnonzero(detections.outcomes == Outcome.CORRECT) + 1
    found = np.arange(1, len(ranks) + 1)
    chosen = np.unique(np.linspace(0, max(len(ranks) - 1, 0), _POINTS).round().astype(int))
    chosen = chosen[: len(ranks)]
    return (found / ranks)[chosen], (found / detections.num_boxes)[chosen]
