"""Which detections find a ground truth: the rule that frames and tubes share."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled


def match_detections(
    scores: np.ndarray, overlaps: np.ndarray, threshold: float, rematch: bool
) -> np.ndarray:
    """Match detections with ground truths, group by group, the best score first.

    Each detection is given to the ground truth that it overlaps most. Letters: B groups (a frame,
    or a video), D detections of each, G ground truths.

    Args:
        scores: (B, D); of equal ones the first is the better.
        overlaps: (B, D, G); -1 where the two do not belong together.
        threshold: smallest overlap that counts, above 0.
        rematch: see :class:`~stma_d2.evaluation.protocols.Protocol`.

    Returns:
        (B, D) bool.
    """
    if not overlaps.size:
        return np.zeros(scores.shape, bool)
    order = np.argsort(-scores, axis=1, kind="stable")
    overlaps = np.ascontiguousarray(overlaps)
    return _match_in_order(order, overlaps, overlaps.dtype.type(threshold), rematch)


@compiled
def _match_in_order(
    order: np.ndarray, overlaps: np.ndarray, threshold: np.floating, rematch: bool
) -> np.ndarray:
    found = np.zeros(order.shape, np.bool_)
    for group in range(len(order)):
        free = np.ones(overlaps.shape[2], np.bool_)
        for detection in order[group]:
            row, best = overlaps[group, detection], -1
            for truth in range(len(row)):
                if (free[truth] or not rematch) and (best < 0 or row[truth] > row[best]):
                    best = truth
            if best >= 0 and free[best] and row[best] >= threshold:
                found[group, detection] = True
                free[best] = False
    return found
