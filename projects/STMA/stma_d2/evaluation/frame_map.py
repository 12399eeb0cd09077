"""Frame-mAP: every frame of every video is an image, every box on it a detection.

Rules: ``load_frame_detections`` and ``frameAP`` of MOC-Detector (src/ACT_utils/ACT_build.py,
src/ACT.py); what becomes of a detection that is wrong: ``frameAP_error`` of ACT.

Letters: B frames, N tubelets of a window, K frames of a tubelet, P = K N boxes that all windows put
on a frame, C classes, G ground-truth tubes of a video.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from ..linking import box_iou, nms, pair_overlaps
from ..structures import TubeAnnotations, Tubelets, VideoAnnotation
from .average_precision import average_precision, precision_recall
from .confusion import Confusion
from .matching import match_detections
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


class _BoxesOnFrames(NamedTuple):
    """What all windows put on some frames of a video; P runs over windows, then slots."""

    frames: np.ndarray  # (B,) int64, 1-based
    boxes: np.ndarray  # (B, P, 4) float32
    scores: np.ndarray  # (B, C, P) float32; 0 where a window is absent


class _TruthOnFrames(NamedTuple):
    """The ground truth of a video of F frames."""

    labels: np.ndarray  # (G,) int64, of each tube
    covered: np.ndarray  # (F, G) bool, does the tube reach frame f + 1?
    boxes: np.ndarray  # (F, G, 4) float64; zeros where not covered


def classify_detections(
    detections: Mapping[str, Tubelets],
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: Protocol,
    iou: float,
    confusion: Confusion | None = None,
) -> list[ClassDetections]:
    """Put tubelets on frames, suppress, and compare with the ground truth at overlap ``iou``.

    Args:
        detections: tubelets by video; a video may be absent.
        annotations: the ground truth.
        videos: the videos to evaluate, in the order that settles equal scores.
        protocol: the rules.
        iou: a detection finds a box if they overlap by this much or more.
        confusion: counts the detections too.

    Returns:
        One record a class.
    """
    num_boxes = [0 for _ in annotations.labels]
    # Scores and outcomes of each class: the bulk of an evaluation's memory, so they grow in place.
    collected = [(array("f"), array("b")) for _ in annotations.labels]
    for video in videos:
        annotation = annotations.videos[video]
        for tube in annotation.tubes:
            num_boxes[tube.label] += len(tube)
        if video in detections:
            truth = _truth_on_frames(annotation)
            for found in _boxes_on_frames(detections[video], annotation.num_frames):
                scores, kept = _suppress(found, truth, protocol)
                overlaps = _overlaps(found, truth)
                outcomes = _outcomes(found, scores, kept, truth, overlaps, iou, protocol.rematch)
                if confusion is not None:
                    confusion.add(scores, kept, overlaps, truth.labels)
                for label, (all_scores, all_outcomes) in enumerate(collected):
                    mine = kept[:, label]
                    all_scores.frombytes(scores[:, label][mine].tobytes())
                    all_outcomes.frombytes(outcomes[:, label][mine].tobytes())
    return [_by_score(*collected.pop(0), count) for count in num_boxes]


def _by_score(scores: array, outcomes: array, num_boxes: int) -> ClassDetections:
    """Sort the detections of a class, the best first; of equal scores the earlier stands first.

    MOC leaves ties to numpy's unstable sort, so its own numbers depend on the processor; a tubelet
    puts one score on K frames: ties are the rule.
    """
    scores, outcomes = np.frombuffer(scores, np.float32), np.frombuffer(outcomes, np.int8)
    order = np.argsort(-scores, kind="stable")
    return ClassDetections(scores[order], outcomes[order], num_boxes)


def _boxes_on_frames(tubelets: Tubelets, num_frames: int) -> Iterator[_BoxesOnFrames]:
    """Collect what all windows put on each frame, some frames at a time."""
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
        on_frames = boxes[rows, :, length - 1 - offsets]  # (B, K, N, 4)
        yield _BoxesOnFrames(
            frames,
            on_frames.reshape(len(frames), length * slots, 4),
            scores[rows].reshape(len(frames), length * slots, -1).transpose(0, 2, 1),
        )


def _truth_on_frames(annotation: VideoAnnotation) -> _TruthOnFrames:
    shape = annotation.num_frames, len(annotation.tubes)
    covered, boxes = np.zeros(shape, bool), np.zeros((*shape, 4))
    for index, tube in enumerate(annotation.tubes):
        inside = tube.frames <= annotation.num_frames
        covered[tube.frames[inside] - 1, index] = True
        boxes[tube.frames[inside] - 1, index] = tube.boxes[inside]
    labels = np.array([tube.label for tube in annotation.tubes], np.int64)
    return _TruthOnFrames(labels, covered, boxes)


def _suppress(
    found: _BoxesOnFrames, truth: _TruthOnFrames, protocol: Protocol
) -> tuple[np.ndarray, np.ndarray]:
    """Scores after suppression, and who is a detection, (B, C, P) each."""
    rule = protocol.frame_nms
    overlaps = pair_overlaps(found.boxes[:, :, None])
    scores, kept = nms(found.scores, overlaps, rule.iou, soft=rule.soft)
    if protocol.annotated_frames_only:
        kept &= truth.covered[found.frames - 1].any(axis=1)[:, None, None]
    return scores, kept


def _overlaps(found: _BoxesOnFrames, truth: _TruthOnFrames) -> np.ndarray:
    """Overlaps (B, P, G) of the boxes with the true ones; -1 where there is no true one."""
    ious = box_iou(truth.boxes[found.frames - 1][:, None], found.boxes[:, :, None])
    covered = truth.covered[found.frames - 1][:, None]
    ious[~np.broadcast_to(covered, ious.shape)] = -1
    return ious


def _outcomes(
    found: _BoxesOnFrames,
    scores: np.ndarray,
    kept: np.ndarray,
    truth: _TruthOnFrames,
    ious: np.ndarray,
    iou: float,
    rematch: bool,
) -> np.ndarray:
    """Outcomes (B, C, P) int8 of the detections; those not ``kept`` have no meaning."""
    covered = truth.covered[found.frames - 1]  # (B, G)
    # Right for classes that are not on the frame; the others are put right below.
    on_other = np.where((ious >= iou).any(axis=2), Outcome.CLASSIFICATION, Outcome.OTHER)
    in_video = np.isin(np.arange(scores.shape[1]), truth.labels)
    on_empty = np.where(in_video, Outcome.TIMING, Outcome.OTHER)
    annotated = covered.any(axis=1)[:, None, None]
    outcomes = np.where(annotated, on_other[:, None], on_empty[:, None]).astype(np.int8)
    for label in np.unique(truth.labels):
        members = truth.labels == label
        rows = covered[:, members].any(axis=1)
        overlaps = np.where(kept[rows, label, :, None], ious[rows][:, :, members], -1)
        correct = match_detections(scores[rows, label], overlaps, iou, rematch)
        outcomes[rows, label] = np.where(correct, Outcome.CORRECT, Outcome.LOCALIZATION)
    return outcomes
