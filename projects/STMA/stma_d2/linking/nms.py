"""Non-maximum suppression of many small groups at once, soft as MOC does it or hard as ACT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import kernels


@dataclass(frozen=True)
class Suppression:
    """A rule of non-maximum suppression.

    Attributes:
        iou: boxes that overlap a better one by more than this are suppressed.
        soft: True lowers the score of the suppressed once (MOC), False removes them (ACT).
    """

    iou: float
    soft: bool


def nms(
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
    scores = np.ascontiguousarray(scores, np.float32)
    overlaps = np.ascontiguousarray(overlaps, np.float32)
    return kernels.nms(scores, overlaps, np.float32(threshold), soft)
