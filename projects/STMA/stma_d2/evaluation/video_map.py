"""Video-mAP: every tube is a detection, compared in space and time.

Rules: ``videoAP`` of MOC-Detector (src/ACT.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..linking import build_tubes, tube_iou
from ..structures import TubeAnnotations, Tubelets
from .average_precision import average_precision, precision_recall
from .matching import match_detections
from .protocols import Protocol

# Of one class and video: scores of the tubes (n,), and their overlaps with the true tubes (n, G).
_Tubes = tuple[np.ndarray, np.ndarray]


def video_average_precision(
    detections: Mapping[str, Tubelets],
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: Protocol,
    ious: Sequence[float],
) -> np.ndarray:
    """Link, suppress tubes, and compare with the ground truth at every overlap of ``ious``.

    Args:
        detections: tubelets by video; a video may be absent.
        annotations: the ground truth.
        videos: the videos to evaluate, in the order that settles equal scores.
        protocol: the rules.
        ious: a tube finds a ground truth if they overlap by this much or more.

    Returns:
        (len(ious), C) float64 in [0, 1]; NaN for classes without ground truth.
    """
    classes: list[list[_Tubes]] = [[] for _ in annotations.labels]
    for video in videos:
        annotation, tubes = annotations.videos[video], []
        if video in detections:
            tubes = build_tubes(
                detections[video], annotation.num_frames, protocol.linking, protocol.tube_nms_iou
            )
        for label, of_class in enumerate(classes):
            truth = [tube for tube in annotation.tubes if tube.label == label]
            found = [tube for tube in tubes if tube.label == label]
            overlaps = np.zeros((len(found), len(truth)), np.float32)
            for i, tube in enumerate(found):
                overlaps[i] = [tube_iou(true, tube) for true in truth]
            of_class.append((np.array([tube.score for tube in found], np.float32), overlaps))
    return np.array([[_class_ap(of_class, iou, protocol) for of_class in classes] for iou in ious])


def _class_ap(videos: Sequence[_Tubes], iou: float, protocol: Protocol) -> float:
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
