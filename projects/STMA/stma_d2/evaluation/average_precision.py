"""Precision, recall and the area under their curve, in float64."""

from __future__ import annotations

from typing import Literal

import numpy as np


def descending(scores: np.ndarray) -> np.ndarray:
    """Indices that sort by falling score; of equal scores the earlier stands first.

    MOC leaves ties to numpy's unstable sort, so its own numbers depend on the processor. A tubelet
    puts one score on K frames: ties are the rule, not the exception.
    """
    return np.argsort(-scores, kind="stable")


def precision_recall(correct: np.ndarray, num_positives: int) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall after each detection.

    Args:
        correct: (D,) bool, the detections by falling score: does each find a ground truth?
        num_positives: how many ground truths there are, at least 1.

    Returns:
        Precision and recall, (D + 1,) float64 each; they begin with the point (1, 0).
    """
    found = np.cumsum(correct, dtype=np.int64)
    precision = np.concatenate([[1.0], found / np.arange(1, len(found) + 1)])
    recall = np.concatenate([[0.0], found / num_positives])
    return precision, recall


def average_precision(
    precision: np.ndarray, recall: np.ndarray, rule: Literal["trapezoid", "envelope"]
) -> float:
    """Area under a precision-recall curve, in [0, 1].

    Args:
        precision: (n,) values, beginning with the point of recall 0.
        recall: (n,) ascending values.
        rule: see :class:`~stma_d2.evaluation.protocols.Protocol`.
    """
    steps = np.diff(recall)
    if rule == "envelope":
        best_from_here = np.maximum.accumulate(precision[:0:-1])[::-1]
        return float(np.sum(steps * best_from_here))
    return float(np.sum(steps * (precision[1:] + precision[:-1]) * 0.5))
