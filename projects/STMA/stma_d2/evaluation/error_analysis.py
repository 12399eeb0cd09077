"""ACT's error analysis: what share of the average precision is lost to which mistake.

Rules: ``frameAP_error`` of ACT-detector (act-detector-scripts/ACT.py), described in section 4.4 of
Kalogeiton et al., ICCV 2017. Walking down the ranked detections of a class, the share of each kind
of mistake among the detections so far is a curve over recall, as precision is; the area under it
is how much average precision that mistake costs. What is never found costs 1 - final recall.
At every point of the curve precision and the four shares add up to 1, so the trapezoid AP, the four
areas and what was missed add up to 100 percent.
"""

from __future__ import annotations

from collections.abc import Sequence

from .average_precision import average_precision, share_and_recall
from .frame_map import ClassDetections, Outcome
from .in_threads import in_threads

_KINDS = {
    "localization": Outcome.LOCALIZATION,
    "classification": Outcome.CLASSIFICATION,
    "timing": Outcome.TIMING,
    "other": Outcome.OTHER,
}
ERROR_KINDS = (*_KINDS, "missed")


def error_analysis(
    detections: Sequence[ClassDetections], labels: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Loss of frame average precision by kind of mistake, in percent points.

    Args:
        detections: one record a class, as ``frame_map.classify_detections`` gives them.
        labels: the names of the classes.

    Returns:
        ``{label: {kind: points}}`` for the kinds of ``ERROR_KINDS``, for every class that has
        ground truth.
    """
    there = {label: of for label, of in zip(labels, detections, strict=True) if of.num_boxes}
    return dict(zip(there, in_threads(_class_errors, [*there.values()]), strict=True))


def _class_errors(record: ClassDetections) -> dict[str, float]:
    correct = record.outcomes == Outcome.CORRECT
    errors = {}
    for kind, outcome in _KINDS.items():
        wrong = record.outcomes == outcome
        curve = share_and_recall(wrong, correct, record.num_boxes, share_of_none=0.0)
        errors[kind] = 100 * average_precision(*curve, "trapezoid")
    errors["missed"] = 100 * (1 - int(correct.sum()) / record.num_boxes)
    return errors
