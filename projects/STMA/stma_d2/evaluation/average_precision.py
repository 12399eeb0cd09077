"""Precision, recall and the area under their curve, in float64."""

from __future__ import annotations

from typing import Literal

import numpy as np


def precision_recall(correct: np.ndarray, num_positives: int) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall before and with each correct detection.

    Between two of them recall stands still, so other points add nothing to the area below the
    curve, and precision only falls.

    Args:
        correct: (D,) bool, the detections by falling score: does each find a ground truth?
        num_positives: how many ground truths there are, at least 1.

    Returns:
        Precision and recall, (2 n,) float64 each, for the n correct ones; precision before the
        first detection is 1.
    """
    return share_and_recall(correct, correct, num_positives, share_of_none=1.0)


def share_and_recall(
    members: np.ndarray, correct: np.ndarray, num_positives: int, share_of_none: float
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`precision_recall`, with the share of any ``members`` (D,) among the detections.

    ``share_of_none`` is their share before the first detection.
    """
    places = np.flatnonzero(correct)
    ranks = np.stack([places, places + 1], axis=1).ravel()
    counts = np.searchsorted(np.flatnonzero(members), ranks)  # of the members before each rank
    share = np.where(ranks > 0, counts / np.maximum(ranks, 1), share_of_none)
    found = np.arange(len(places))
    recall = np.stack([found, found + 1], axis=1).ravel() / num_positives
    return share, recall


def average_precision(
    precision: np.ndarray, recall: np.ndarray, rule: Literal["trapezoid", "envelope"]
) -> float:
    """Area under a precision-recall curve, in [0, 1].

    Args:
        precision: (n,) values, beginning with the point of recall 0; none at all mean no area.
        recall: (n,) ascending values.
        rule: see :class:`~stma_d2.evaluation.protocols.Protocol`.
    """
    if rule == "envelope":  # precision at least as high as at any higher recall
        heights = np.maximum.accumulate(precision[:0:-1])[::-1]
    else:
        heights = (precision[1:] + precision[:-1]) * 0.5
    return float(np.sum(np.diff(recall) * heights))
