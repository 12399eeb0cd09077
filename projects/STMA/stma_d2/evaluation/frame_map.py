"""Frame-mAP: every frame of every video is an image, every box on it a detection.

Rules: ``load_frame_detections`` and ``frameAP`` of MOC-Detector (src/ACT_utils/ACT_build.py,
src/ACT.py); what becomes of a detection that is wrong: ``frameAP_error`` of ACT.

Letters: B frames, N tubelets of a window, K frames of a tubelet, P = K N boxes that all windows put
on a frame, C classes, G ground-truth tubes of a video.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from ..linking import box_iou, suppress
from ..structures import Tube, WindowTubelets
from .average_precision import average_precision, descending, precision_recall
from .protocols import Protocol

if TYPE_CHECKING:
    from ..data import TubeAnnotations, VideoAnnotation

# Pairs of boxes that are compared at once: bounds the memory, keeps temporaries in the cache.
_PAIRS_AT_ONCE = 1 << 17


class Outcome(IntEnum):
    """What became of a detection; everything but CORRECT is a false positive.

    LOCALIZATION: its class is on the frame, but too little overlap, or already found.
    CLASSIFICATION: its class is not on the frame; it overlaps an actor of another class.
    TIMING: nothing is annotated on the frame; its class occurs elsewhere in the video.
    OTHER: anything else.
    """

    CORRECT = 0
    LOCALIZATION = 1
    CLASSIFICATION = 2
    TIMING = 3
    OTHER = 4


@dataclass(frozen=True)
class ClassDetections:
    """All detections of one class in all videos.

    Attributes:
        scores: (D,) float32, falling.
        outcomes: (D,) int8, values of :class:`Outcome`.
        num_boxes: number of ground-truth boxes of the class.
    """

    scores: np.ndarray
    outcomes: np.ndarray
    num_boxes: int

    def average_precision(self, rule: str) -> float:
        """AP in [0, 1]; NaN without ground truth."""
        if not self.num_boxes:
            return float("nan")
        correct = self.outcomes == Outcome.CORRECT
        return average_precision(*precision_recall(correct, self.num_boxes), rule)


def judge_frames(
    detections: Mapping[str, WindowTubelets],
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: Protocol,
    iou: float,
) -> list[ClassDetections]:
    """Put tubelets on frames, suppress, and compare with the ground truth at overlap ``iou``.

    Args:
        detections: tubelets by video; a video may be absent.
        annotations: the ground truth.
        videos: the videos to evaluate, in the order that settles equal scores.
        protocol: the rules.
        iou: a detection finds a box if they overlap by this much or more.

    Returns:
        One record a class.
    """
    num_classes = len(annotations.labels)
    num_boxes = np.zeros(num_classes, np.int64)
    labels = [np.empty(0, np.int16)]
    scores = [np.empty(0, np.float32)]
    outcomes = [np.empty(0, np.int8)]
    for video in videos:
        annotation = annotations.videos[video]
        for tube in annotation.tubes:
            num_boxes[tube.label] += len(tube)
        if video in detections:
            for part in _judge_video(detections[video], annotation, protocol, iou):
                labels.append(part[0])
                scores.append(part[1])
                outcomes.append(part[2])
    arrays = (np.concatenate(part) for part in (labels, scores, outcomes))
    return _by_class(*arrays, num_boxes)


def _by_class(
    labels: np.ndarray, scores: np.ndarray, outcomes: np.ndarray, num_boxes: np.ndarray
) -> list[ClassDetections]:
    result = []
    for label, count in enumerate(num_boxes.tolist()):
        members = np.flatnonzero(labels == label)
        members = members[descending(scores[members])]
        result.append(ClassDetections(scores[members], outcomes[members], count))
    return result


def _judge_video(
    tubelets: WindowTubelets, annotation: VideoAnnotation, protocol: Protocol, iou: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Labels int16, scores float32 and outcomes int8 of one video's detections, (D,) each.

    They come part by part, ordered by frame, class, window and slot.
    """
    truth = _Truth(annotation, tubelets.num_classes)
    for frames, boxes, scores in _boxes_on_frames(tubelets, annotation.num_frames):
        overlaps = box_iou(boxes[:, :, None], boxes[:, None], add_one_last=True)
        scores, kept = suppress(
            scores, overlaps, protocol.frame_nms.iou, soft=protocol.frame_nms.soft
        )
        if protocol.annotated_frames_only:
            kept &= truth.covered[frames - 1].any(axis=1)[:, None, None]
        rows, labels, slots = np.nonzero(kept)
        outcomes = truth.judge(frames, boxes, scores, kept, iou, protocol.rematch)
        yield labels.astype(np.int16), scores[rows, labels, slots], outcomes[rows, labels, slots]


def _boxes_on_frames(
    tubelets: WindowTubelets, num_frames: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Collect what all windows put on each frame, some frames at a time.

    Yields:
        Frame numbers (B,), boxes (B, P, 4) float32, scores (B, C, P) float32. Where a window is
        absent the scores are 0. P runs over windows, then slots.
    """
    count, slots, length = tubelets.boxes.shape[:3]
    if not slots * count:
        return
    # A last row of zeros stands for the windows that are absent.
    boxes = np.concatenate([tubelets.boxes, np.zeros_like(tubelets.boxes[:1])])
    scores = np.concatenate([tubelets.scores, np.zeros_like(tubelets.scores[:1])])
    row_of_window = np.full(num_frames + length, count)  # window w at w + length - 2
    row_of_window[tubelets.windows + length - 2] = np.arange(count)
    offsets = np.arange(length)
    step = max(1, _PAIRS_AT_ONCE // (length * slots) ** 2)
    for start in range(1, num_frames + 1, step):
        frames = np.arange(start, min(start + step, num_frames + 1))
        rows = row_of_window[frames[:, None] + offsets - 1]  # windows frame - K + 1 .. frame
        on_frame = boxes[rows, :, length - 1 - offsets]  # (B, K, N, 4)
        on_frame_scores = scores[rows].reshape(len(frames), length * slots, -1)
        yield (
            frames,
            on_frame.reshape(len(frames), length * slots, 4),
            np.ascontiguousarray(on_frame_scores.transpose(0, 2, 1)),
        )


class _Truth:
    """The ground truth of one video, frame by frame.

    Attributes:
        labels: (G,) class of each tube.
        covered: (F, G) bool, does the tube reach frame f + 1?
        boxes: (F, G, 4) float64; zeros where not covered.
    """

    def __init__(self, annotation: VideoAnnotation, num_classes: int) -> None:
        tubes: Sequence[Tube] = annotation.tubes
        shape = annotation.num_frames, len(tubes)
        self.labels = np.array([tube.label for tube in tubes], np.int64)
        self.covered = np.zeros(shape, bool)
        self.boxes = np.zeros((*shape, 4))
        for index, tube in enumerate(tubes):
            inside = tube.frames <= annotation.num_frames
            self.covered[tube.frames[inside] - 1, index] = True
            self.boxes[tube.frames[inside] - 1, index] = tube.boxes[inside]
        self.in_video = np.isin(np.arange(num_classes), self.labels)

    def judge(
        self,
        frames: np.ndarray,
        boxes: np.ndarray,
        scores: np.ndarray,
        kept: np.ndarray,
        iou: float,
        rematch: bool,
    ) -> np.ndarray:
        """Outcomes (B, C, P) int8 of the detections; those not ``kept`` have no meaning."""
        covered = self.covered[frames - 1]  # (B, G)
        ious = box_iou(self.boxes[frames - 1][:, None], boxes[:, :, None])  # (B, P, G)
        ious[~np.broadcast_to(covered[:, None], ious.shape)] = -1

        # Right for classes that are not on the frame; the others are put right below.
        on_other = np.where((ious >= iou).any(axis=2), Outcome.CLASSIFICATION, Outcome.OTHER)
        on_empty = np.where(self.in_video, Outcome.TIMING, Outcome.OTHER)
        annotated = covered.any(axis=1)
        outcomes = np.where(
            annotated[:, None, None], on_other[:, None], on_empty[None, :, None]
        ).astype(np.int8)
        for label in np.unique(self.labels):
            members = np.flatnonzero(self.labels == label)
            rows = np.flatnonzero(covered[:, members].any(axis=1))
            correct = _match(
                np.where(kept[rows, label], scores[rows, label], -np.inf),
                ious[rows][:, :, members],
                iou,
                rematch,
            )
            outcomes[rows, label] = np.where(correct, Outcome.CORRECT, Outcome.LOCALIZATION)
        return outcomes


def _match(scores: np.ndarray, ious: np.ndarray, threshold: float, rematch: bool) -> np.ndarray:
    """Which detections find a ground truth, frame by frame, the best score first.

    Args:
        scores: (B, P); -inf takes no part.
        ious: (B, P, G); -1 where there is no ground truth.
        threshold: smallest overlap that counts.
        rematch: see :class:`~stma_d2.evaluation.protocols.Protocol`.

    Returns:
        (B, P) bool.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ious = np.take_along_axis(ious, order[:, :, None], axis=1)
    ious[np.take_along_axis(scores, order, axis=1) == -np.inf] = -1
    found = np.zeros(scores.shape, bool)  # in descending order
    best = ious.argmax(axis=2)
    # Between two finds the ground truth that is left does not change, so the next find is the
    # first detection that overlaps any of it enough: at most G rounds, whatever P is.
    for index in range(ious.shape[2]):
        if rematch:
            hit = (ious >= threshold).any(axis=2) & ~found
        else:
            hit = (ious.max(axis=2) >= threshold) & (best == index)
        rows = np.flatnonzero(hit.any(axis=1))
        first = hit[rows].argmax(axis=1)
        found[rows, first] = True
        if rematch:
            ious[rows, :, ious[rows, first].argmax(axis=1)] = -1
    result = np.empty_like(found)
    np.put_along_axis(result, order, found, axis=1)
    return result
