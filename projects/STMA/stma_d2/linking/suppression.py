"""Non-maximum suppression of many small groups at once, soft as MOC does it or hard as ACT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Suppression:
    """A rule of non-maximum suppression.

    Attributes:
        iou: boxes that overlap a better one by more than this are suppressed.
        soft: True lowers the score of the suppressed once (MOC), False removes them (ACT).
    """

    iou: float
    soft: bool


def suppress(
    scores: np.ndarray, overlaps: np.ndarray, threshold: float, *, soft: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Suppress, group by group and class by class, what overlaps something better.

    The best that is still queued becomes a pivot; everything queued that overlaps it by more than
    ``threshold`` leaves the queue; and so on until the queue is empty. What was suppressed
    suppresses nothing itself. Of equal scores the one that stands first is the better.

    MOC's soft variant multiplies the score of the suppressed by ``1 - overlap``, once, without
    sorting again, and removes nothing (``nms2d`` and ``nms_tubelets`` in its ACT_utils). Where
    ``overlap`` is a sum over frames the factor is negative: that is the published behavior.

    Args:
        scores: (G, C, P) float32, for each of G groups and C classes the scores of the same P
            members; only scores above 0 take part.
        overlaps: (G, P, P) float32, symmetric.
        threshold: largest overlap with a pivot that is left alone.
        soft: lower the scores of the suppressed instead of removing them.

    Returns:
        The new scores, (G, C, P), and who remains, (G, C, P) bool.
    """
    num_groups, num_classes, num_members = scores.shape
    flat_result = np.array(scores, order="C").reshape(num_groups * num_classes, num_members)
    flat_kept = flat_result > 0

    counts = flat_kept.sum(axis=1)
    rows = np.flatnonzero(counts > 1)
    counts = counts[rows]
    # Members in descending order of score; those that do not take part come last and are cut off.
    order = np.argsort(-np.where(flat_kept[rows], flat_result[rows], 0), axis=1, kind="stable")
    order = order[:, : counts.max(initial=0)]
    queued = np.arange(order.shape[1]) < counts[:, None]
    groups = rows // num_classes

    while len(rows):
        first = queued.argmax(axis=1)
        every = np.arange(len(rows))
        queued[every, first] = False
        overlap = overlaps[groups[:, None], order[every, first][:, None], order]
        hit = queued & (overlap > threshold)
        hit_rows, hit_columns = np.nonzero(hit)
        target = rows[hit_rows], order[hit_rows, hit_columns]
        if soft:
            flat_result[target] *= 1 - overlap[hit]
        else:
            flat_kept[target] = False
            flat_result[target] = 0
        queued &= ~hit
        busy = queued.any(axis=1)
        rows, groups, order, queued = rows[busy], groups[busy], order[busy], queued[busy]
    return flat_result.reshape(scores.shape), flat_kept.reshape(scores.shape)
