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

import numpy as np

from ..compiled import compiled
from ..linking import box_iou, pair_overlaps, suppress
from ..structures import Tube, TubeAnnotations, Tubelets, VideoAnnotation
from .average_precision import average_precision, descending, precision_recall
from .protocols import Protocol

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
    detections: Mapping[str, Tubelets],
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
    limits = np.zeros(num_classes, np.int64)
    for video in videos:
        for tube in annotations.videos[video].tubes:
            num_boxes[tube.label] += len(tube)
        if video in detections:
            limits += _count_boxes(detections[video], annotations.videos[video].num_frames)
    collected = _Collector(limits)
    for video in videos:
        if video in detections:
            truth = _Truth(annotations.videos[video], num_classes)
            for part in _judge_video(detections[video], truth, protocol, iou):
                collected.add(*part)
    return collected.by_class(num_boxes)


def _count_boxes(tubelets: Tubelets, num_frames: int) -> np.ndarray:
    """How many boxes of each class all windows put on the video's frames, (C,)."""
    on_video = np.minimum(tubelets.num_frames, num_frames + 1 - tubelets.windows)
    return on_video @ np.count_nonzero(tubelets.scores > 0, axis=1)


class _Collector:
    """Scores and outcomes of all videos, class after class in one array each.

    They are the bulk of an evaluation's memory, 5 bytes a detection.
    """

    def __init__(self, limits: np.ndarray) -> None:
        """Make room for ``limits`` (C,) detections of each class."""
        stops = np.cumsum(limits)
        self._scores = np.empty(stops[-1], np.float32)
        self._outcomes = np.empty(stops[-1], np.int8)
        self._starts = stops - limits
        self._stops = self._starts.copy()

    def add(self, kept: np.ndarray, scores: np.ndarray, outcomes: np.ndarray) -> None:
        """Take those ``kept``, all (B, C, P), behind the earlier ones of their class."""
        _append(kept, scores, outcomes, self._scores, self._outcomes, self._stops)

    def by_class(self, num_boxes: np.ndarray) -> list[ClassDetections]:
        """Sort each class in place."""
        result = []
        for start, stop, count in zip(self._starts, self._stops, num_boxes.tolist(), strict=True):
            scores, outcomes = self._scores[start:stop], self._outcomes[start:stop]
            order = descending(scores)
            scores[:] = scores[order]
            outcomes[:] = outcomes[order]
            result.append(ClassDetections(scores, outcomes, count))
        return result


@compiled
def _append(
    kept: np.ndarray,
    scores: np.ndarray,
    outcomes: np.ndarray,
    all_scores: np.ndarray,
    all_outcomes: np.ndarray,
    stops: np.ndarray,
) -> None:
    """Copy frame by frame to the places ``stops`` (C,) of the classes, and move these on."""
    for row in range(kept.shape[0]):
        for label in range(kept.shape[1]):
            for slot in range(kept.shape[2]):
                if kept[row, label, slot]:
                    all_scores[stops[label]] = scores[row, label, slot]
                    all_outcomes[stops[label]] = outcomes[row, label, slot]
                    stops[label] += 1


def _judge_video(
    tubelets: Tubelets, truth: _Truth, protocol: Protocol, iou: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Who is a detection, scores and outcomes, (B, C, P) each, some frames at a time."""
    for frames, boxes, scores in _boxes_on_frames(tubelets, len(truth.covered)):
        overlaps = pair_overlaps(boxes[:, :, None])
        scores, kept = suppress(
            scores, overlaps, protocol.frame_nms.iou, soft=protocol.frame_nms.soft
        )
        if protocol.annotated_frames_only:
            kept &= truth.covered[frames - 1].any(axis=1)[:, None, None]
        yield kept, scores, truth.judge(frames, boxes, scores, kept, iou, protocol.rematch)


def _boxes_on_frames(
    tubelets: Tubelets, num_frames: int
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
