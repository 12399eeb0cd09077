"""Video-mAP: every tube is a detection, compared in space and time.

Rules: ``videoAP`` of MOC-Detector (src/ACT.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..linking import build_tubes, tube_iou
from ..structures import Tube, TubeAnnotations, Tubelets
from .average_precision import average_precision, precision_recall
from .in_threads import in_threads
from .matching import match_detections
from .protocols import Protocol

# Of one class and video: scores of the tubes (n,), and their overlaps with the true tubes (n, G).
_Matches = tuple[np.ndarray, np.ndarray]


def video_average_precision(
    detections: Mapping[str, Tubelets] | Mapping[str, Sequence[Tube]],
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: Protocol,
    ious: Sequence[float],
) -> np.ndarray:
    """Compare tubes with the ground truth at every overlap of ``ious``.

    Tubelets are first linked, and their tubes suppressed. Finished tubes are taken as they are.

    Args:
        detections: tubelets or tubes by video; a video may be absent.
        annotations: the ground truth.
        videos: the videos to evaluate, in the order that settles equal scores.
        protocol: the rules.
        ious: a tube finds a ground truth if they overlap by this much or more.

    Returns:
        (len(ious), C) float64 in [0, 1]; NaN for classes without ground truth.
    """

    def compare(video: str) -> list[_Matches]:
        return _compare(annotations, video, detections.get(video, ()), protocol)

    classes = [*zip(*in_threads(compare, videos), strict=True)]
    return np.array([[_class_ap(of_class, iou, protocol) for of_class in classes] for iou in ious])


def _compare(
    annotations: TubeAnnotations,
    video: str,
    tubes: Tubelets | Sequence[Tube],
    protocol: Protocol,
) -> list[_Matches]:
    """The tubes of one video beside the true ones, class by class."""
    annotation, matches = annotations.videos[video], []
    if isinstance(tubes, Tubelets):
        tubes = tubes_of_tubelets(tubes, annotation.num_frames, protocol)
    for label in range(len(annotations.labels)):
        truth = [tube for tube in annotation.tubes if tube.label == label]
        found = [tube for tube in tubes if tube.label == label]
        pairs = [[tube_iou(true, tube, protocol.inclusive) for true in truth] for tube in found]
        overlaps = np.array(pairs).reshape(len(found), len(truth))
        matches.append((np.array([tube.score for tube in found]), overlaps))
    return matches


def tubes_of_tubelets(tubelets: Tubelets, num_frames: int, protocol: Protocol) -> list[Tube]:
    """The tubes of a video of ``num_frames``, by falling score within a class."""
    return build_tubes(tubelets, num_frames, protocol.linking, protocol.tube_nms_iou)


def _class_ap(videos: Sequence[_Matches], iou: float, protocol: Protocol) -> float:
    num_tubes = sum(overlaps.shape[1] for _, overlaps in videos)
    if not num_tubes:
        return float("nan")
    matches = [
        match_detections(scores[None], overlaps[None], iou, protocol.rematch)[0]
        for scores, overlaps in videos
    ]
    best_first = np.argsort(-np.concatenate([scores for scores, _ in videos]), kind="stable")
    curve = precision_recall(np.concatenate(matches)[best_first], num_tubes)
    return average_precision(*curve, protocol.average_precision)
