"""Video-mAP: every tube is a detection, compared in space and time.

Rules: ``videoAP``, ``nms3dt`` and ``iou3dt`` of MOC-Detector (src/ACT.py, src/ACT_utils).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..linking import box_iou, link_tubelets
from ..structures import Tube, TubeAnnotations, Tubelets
from .average_precision import average_precision, descending, precision_recall
from .protocols import Protocol


def tube_iou(first: Tube, second: Tube) -> np.float32:
    """Overlap in space and time, in [0, 1].

    The mean IoU of the boxes on the frames that the tubes share, times the number of those frames
    over the number of frames from the earlier beginning to the later end.
    """
    begin = max(first.frames[0], second.frames[0])
    end = min(first.frames[-1], second.frames[-1])
    if end < begin:
        return np.float32(0)
    union = max(first.frames[-1], second.frames[-1]) - min(first.frames[0], second.frames[0]) + 1
    boxes = [t.boxes[begin - t.frames[0] : end - t.frames[0] + 1] for t in (first, second)]
    return np.mean(box_iou(*boxes)) * (np.float32(end - begin + 1) / np.float32(union))


def suppress_tubes(tubes: Sequence[Tube], iou: float) -> list[Tube]:
    """Hard suppression of tubes of one class and video: the best first, then what is left of them.

    Args:
        tubes: of equal scores the earlier tube is the better.
        iou: a tube that overlaps a better one by more than this is removed.
    """
    queue = sorted(tubes, key=lambda tube: -tube.score)
    kept = []
    while queue:
        best = queue.pop(0)
        kept.append(best)
        queue = [tube for tube in queue if tube_iou(tube, best) <= iou]
    return kept


def suppress_by_class(tubes: Sequence[Tube], iou: float) -> list[Tube]:
    """`suppress_tubes` within each class of one video's tubes.

    Returns:
        Tubes by falling score within a class; the classes in the order of their first tubes.
    """
    by_class: dict[int, list[Tube]] = {}
    for tube in tubes:
        by_class.setdefault(tube.label, []).append(tube)
    return [tube for group in by_class.values() for tube in suppress_tubes(group, iou)]


def build_tubes(tubelets: Tubelets, num_frames: int, protocol: Protocol) -> list[Tube]:
    """Link one video's tubelets and suppress tubes, class by class, as ``protocol`` says.

    Returns:
        Tubes by ascending class, and by falling score within a class.

    Raises:
        InputError: if a window lies outside the video.
    """
    tubes = link_tubelets(tubelets, num_frames, **vars(protocol.linking))
    return suppress_by_class(tubes, protocol.tube_nms_iou)


@dataclass
class _ClassTubes:
    """The tubes of one class in all videos, and each one's overlaps with its video's ground truth.

    Attributes:
        scores: one a tube.
        overlaps: for each video, (tubes, ground truths) float32, the tubes by falling score.
        num_tubes: number of ground-truth tubes.
    """

    scores: list[float]
    overlaps: list[np.ndarray]
    num_tubes: int


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
    classes = [_ClassTubes([], [], 0) for _ in annotations.labels]
    for video in videos:
        annotation = annotations.videos[video]
        tubes = []
        if video in detections:
            tubes = build_tubes(detections[video], annotation.num_frames, protocol)
        for label, record in enumerate(classes):
            truth = [tube for tube in annotation.tubes if tube.label == label]
            found = [tube for tube in tubes if tube.label == label]
            overlaps = np.zeros((len(found), len(truth)), np.float32)
            for i, tube in enumerate(found):
                overlaps[i] = [tube_iou(true, tube) for true in truth]
            record.scores.extend(tube.score for tube in found)
            record.overlaps.append(overlaps)
            record.num_tubes += len(truth)
    return np.array([[_class_ap(record, iou, protocol) for record in classes] for iou in ious])


def _class_ap(record: _ClassTubes, iou: float, protocol: Protocol) -> float:
    if not record.num_tubes:
        return float("nan")
    matches = [_match(overlaps, iou, protocol.rematch) for overlaps in record.overlaps]
    correct = np.concatenate(matches)[descending(np.array(record.scores))]
    curve = precision_recall(correct, record.num_tubes)
    return average_precision(*curve, protocol.average_precision)


def _match(overlaps: np.ndarray, threshold: float, rematch: bool) -> np.ndarray:
    """Which tubes of one video find a ground truth, (n,) bool; ``overlaps`` (n, G), best first."""
    found = np.zeros(len(overlaps), bool)
    if not overlaps.size:
        return found
    free = np.ones(overlaps.shape[1], bool)
    for i, row in enumerate(overlaps):
        best = np.where(free, row, -1).argmax() if rematch else row.argmax()
        found[i] = free[best] and row[best] >= threshold
        free[best] &= not found[i]
    return found
