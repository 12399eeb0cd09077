"""Frame-mAP: every frame of every video is an image, every box on it a detection.

Rules: ``frameAP`` of MOC-Detector (src/ACT.py); what becomes of a detection that is wrong:
``frameAP_error`` of ACT.

Letters: B frames, P boxes on a frame, C classes, G ground-truth tubes of a video.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..linking import box_iou
from ..structures import TubeAnnotations, Tubelets
from .average_precision import average_precision, precision_recall
from .confusion import Confusion
from .frame_boxes import BoxesOnFrames, FrameBoxes, TruthOnFrames, on_frames, truth_on_frames
from .in_threads import in_threads
from .matching import match_detections
from .protocols import Protocol
from .ranking import ranked

# Scores (n,) and outcomes (n,) int8 of some detections of a class.
_Part = tuple[np.ndarray, np.ndarray]


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
        scores: (D,) float32 or float64, falling.
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


def classify_detections(
    detections: Mapping[str, Tubelets] | Mapping[str, FrameBoxes],
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: Protocol,
    iou: float,
    confusion: Confusion | None = None,
) -> list[ClassDetections]:
    """Compare detections on frames with the ground truth at overlap ``iou``.

    Tubelets are first put on frames and suppressed. Finished boxes are taken as they are.

    Args:
        detections: tubelets or boxes by video; a video may be absent.
        annotations: the ground truth.
        videos: the videos to evaluate, in the order that settles equal scores.
        protocol: the rules.
        iou: a detection finds a box if they overlap by this much or more.
        confusion: counts the detections too; of tubelets only, whose classes come together.

    Returns:
        One record a class.
    """
    num_boxes = [0 for _ in annotations.labels]
    # Scores and outcomes of each class: the bulk of an evaluation's memory, so they grow in place.
    kinds = (found.scores.dtype for found in detections.values())
    kind = np.result_type(np.float32, *kinds)
    collected = [(array(kind.char), array("b")) for _ in annotations.labels]
    for video in videos:
        for tube in annotations.videos[video].tubes:
            num_boxes[tube.label] += len(tube)

    def classify(video: str) -> tuple[dict[int, _Part], Confusion | None]:
        counts = None if confusion is None else confusion.empty()
        truth = truth_on_frames(annotations.videos[video])
        return _classify(detections[video], truth, protocol, iou, counts), counts

    def by_score(label: int) -> ClassDetections:
        scores, outcomes = collected[label]
        collected[label] = None  # the memory is free as soon as they are sorted
        return _by_score(scores, outcomes, num_boxes[label])

    for by_class, counts in in_threads(classify, [v for v in videos if v in detections]):
        if confusion is not None:
            confusion.include(counts)
        for label, (scores, outcomes) in by_class.items():
            all_scores, all_outcomes = collected[label]
            all_scores.frombytes(scores.astype(kind, copy=False).view(np.uint8))
            all_outcomes.frombytes(outcomes.view(np.uint8))
    return [*in_threads(by_score, range(len(num_boxes)))]


def _classify(
    detections: Tubelets | FrameBoxes,
    truth: TruthOnFrames,
    protocol: Protocol,
    iou: float,
    confusion: Confusion | None,
) -> dict[int, _Part]:
    """The detections of one video by class; ``confusion`` counts them too."""
    by_class: defaultdict[int, list[_Part]] = defaultdict(list)
    for found in on_frames(detections, truth, protocol):
        overlaps = _overlaps(found, truth, protocol.inclusive)
        outcomes = _outcomes(found, truth, overlaps, iou, protocol.rematch)
        if confusion is not None:
            confusion.add(found.scores, found.kept, overlaps, truth.labels)
        for place, label in enumerate(found.labels.tolist()):
            mine = found.kept[:, place]
            by_class[label].append((found.scores[:, place][mine], outcomes[:, place][mine]))
    return {
        label: (np.concatenate(scores), np.concatenate(outcomes))
        for label, parts in by_class.items()
        for scores, outcomes in [zip(*parts, strict=True)]
    }


def _by_score(scores: array, outcomes: array, num_boxes: int) -> ClassDetections:
    """Sort the detections of a class, the best first; of equal scores the earlier stands first.

    MOC leaves ties to numpy's unstable sort, so its own numbers depend on the processor; a tubelet
    puts one score on K frames: ties are the rule.
    """
    scores, outcomes = np.frombuffer(scores, scores.typecode), np.frombuffer(outcomes, np.int8)
    return ClassDetections(*ranked(scores, outcomes), num_boxes)


def _overlaps(found: BoxesOnFrames, truth: TruthOnFrames, inclusive: bool) -> np.ndarray:
    """Overlaps (B, P, G) of the boxes with the true ones; -1 where there is no true one."""
    true_boxes = truth.boxes[found.frames - 1]
    ious = box_iou(true_boxes[:, None], found.boxes[:, :, None], inclusive)
    covered = truth.covered[found.frames - 1]
    ious[~np.broadcast_to(covered[:, None], ious.shape)] = -1
    return ious


def _outcomes(
    found: BoxesOnFrames, truth: TruthOnFrames, ious: np.ndarray, iou: float, rematch: bool
) -> np.ndarray:
    """Outcomes (B, C, P) int8 of the detections; those not ``kept`` have no meaning."""
    covered = truth.covered[found.frames - 1]  # (B, G)
    # Right for classes that are not on the frame; the others are put right below.
    on_other = np.where((ious >= iou).any(axis=2), Outcome.CLASSIFICATION, Outcome.OTHER)
    on_empty = np.where(np.isin(found.labels, truth.labels), Outcome.TIMING, Outcome.OTHER)
    annotated = covered.any(axis=1)[:, None, None]
    outcomes = np.where(annotated, on_other[:, None], on_empty[:, None]).astype(np.int8)
    for place in np.flatnonzero(np.isin(found.labels, truth.labels)):
        members = truth.labels == found.labels[place]
        rows = covered[:, members].any(axis=1)
        kept = found.kept[rows, place, :, None]
        overlaps = np.where(kept, ious[rows][:, :, members], -1)
        correct = match_detections(found.scores[rows, place], overlaps, iou, rematch)
        outcomes[rows, place] = np.where(correct, Outcome.CORRECT, Outcome.LOCALIZATION)
    return outcomes
