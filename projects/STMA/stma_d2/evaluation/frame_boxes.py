"""What lies on the frames of a video: boxes of tubelets, finished boxes, and the ground truth.

Rules: ``load_frame_detections`` of MOC-Detector (src/ACT_utils/ACT_build.py).

Letters: B frames, N tubelets of a window, K frames of a tubelet, P boxes on a frame (K N from all
windows), C classes, G ground-truth tubes of a video.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..linking import nms, pair_overlaps
from ..structures import Tubelets, VideoAnnotation
from .protocols import Protocol

# Pairs of boxes that are compared at once: bounds the memory, keeps temporaries in the cache.
_PAIRS_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class FrameBoxes:
    """Finished detections on the frames of one video: n boxes, each with one class.

    Attributes:
        frames: (n,) int64, 1-based; beyond the video's end nothing can be found.
        labels: (n,) int64, 0-based classes.
        scores: (n,) float32 or float64; of equal ones on a frame the first is the better.
        boxes: (n, 4) float32 or float64 x1, y1, x2, y2 in the video's own pixels.
    """

    frames: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray


class TruthOnFrames(NamedTuple):
    """The ground truth of a video of F frames; the last row stands for all frames beyond them."""

    labels: np.ndarray  # (G,) int64, of each tube
    covered: np.ndarray  # (F + 1, G) bool, does the tube reach frame f + 1?
    boxes: np.ndarray  # (F + 1, G, 4) float64; zeros where not covered


class BoxesOnFrames(NamedTuple):
    """Boxes on some frames of a video, each scored for C classes."""

    frames: np.ndarray  # (B,) int64, 1-based
    labels: np.ndarray  # (C,) int64
    boxes: np.ndarray  # (B, P, 4)
    scores: np.ndarray  # (B, C, P)
    kept: np.ndarray  # (B, C, P) bool, which of them are detections


def truth_on_frames(annotation: VideoAnnotation) -> TruthOnFrames:
    """Lay the true tubes of a video on its frames; boxes beyond its end are left out."""
    shape = annotation.num_frames + 1, len(annotation.tubes)
    covered, boxes = np.zeros(shape, bool), np.zeros((*shape, 4))
    for index, tube in enumerate(annotation.tubes):
        inside = tube.frames <= annotation.num_frames
        covered[tube.frames[inside] - 1, index] = True
        boxes[tube.frames[inside] - 1, index] = tube.boxes[inside]
    labels = np.array([tube.label for tube in annotation.tubes], np.int64)
    return TruthOnFrames(labels, covered, boxes)


def on_frames(
    detections: Tubelets | FrameBoxes, truth: TruthOnFrames, protocol: Protocol
) -> Iterator[BoxesOnFrames]:
    """Lay a video's detections on its frames.

    Args:
        detections: tubelets, which are suppressed by the protocol's rule, or finished boxes.
        truth: the video's ground truth.
        protocol: the rules.

    Yields:
        some frames at a time, in their order; of finished boxes one class after the other.
    """
    collect = _tubelets_on_frames if isinstance(detections, Tubelets) else _boxes_on_frames
    for found in collect(detections, len(truth.covered), protocol):
        if protocol.annotated_frames_only:
            annotated = truth.covered[found.frames - 1].any(axis=1)
            found = found._replace(kept=found.kept & annotated[:, None, None])
        yield found


def boxes_of_tubelets(
    tubelets: Tubelets, annotation: VideoAnnotation, protocol: Protocol
) -> Iterator[FrameBoxes]:
    """The boxes that tubelets put on the frames of a video, suppressed, some frames at a time.

    Args:
        tubelets: of one video.
        annotation: of that video.
        protocol: the rules.

    Yields:
        boxes by frame, then by class, then by window and slot, which is the order of equal scores.
    """
    for found in on_frames(tubelets, truth_on_frames(annotation), protocol):
        rows, labels, places = np.nonzero(found.kept)
        scores, boxes = found.scores[rows, labels, places], found.boxes[rows, places]
        yield FrameBoxes(found.frames[rows], labels, scores, boxes)


def _tubelets_on_frames(
    tubelets: Tubelets, end: int, protocol: Protocol
) -> Iterator[BoxesOnFrames]:
    """What all windows put on the frames before ``end``; P runs over windows, then slots."""
    count, slots, length = tubelets.boxes.shape[:3]
    if not slots * count:
        return
    # A last row of zeros stands for the windows that are absent.
    boxes = np.concatenate([tubelets.boxes, np.zeros_like(tubelets.boxes[:1])])
    scores = np.concatenate([tubelets.scores, np.zeros_like(tubelets.scores[:1])])
    row_of_window = np.full(end - 1 + length, count)  # window w at w + length - 2
    row_of_window[tubelets.windows + length - 2] = np.arange(count)
    offsets, labels = np.arange(length), np.arange(scores.shape[2])
    rule = protocol.frame_nms
    step = max(1, _PAIRS_AT_ONCE // (length * slots) ** 2)
    for start in range(1, end, step):
        frames = np.arange(start, min(start + step, end))
        rows = row_of_window[frames[:, None] + offsets - 1]  # windows frame - K + 1 .. frame
        shape = len(frames), length * slots
        there = boxes[rows, :, length - 1 - offsets].reshape(*shape, 4)
        raw = scores[rows].reshape(*shape, -1).transpose(0, 2, 1)
        suppressed, kept = nms(raw, pair_overlaps(there[:, :, None]), rule.iou, soft=rule.soft)
        yield BoxesOnFrames(frames, labels, there, suppressed, kept)


def _boxes_on_frames(boxes: FrameBoxes, end: int, protocol: Protocol) -> Iterator[BoxesOnFrames]:
    """One class after the other, nothing suppressed; ``end`` stands for all frames from there."""
    all_frames = np.minimum(boxes.frames, end)
    for label in np.unique(boxes.labels):
        mine = np.flatnonzero(boxes.labels == label)
        mine = mine[np.argsort(all_frames[mine], kind="stable")]
        _, starts, counts = np.unique(all_frames[mine], return_index=True, return_counts=True)
        step = max(1, _PAIRS_AT_ONCE // counts.max())
        for first in range(0, len(starts), step):
            part = slice(first, first + step)
            sizes, offset = counts[part], starts[first]
            some = mine[offset : offset + sizes.sum()]
            rows = np.repeat(np.arange(len(sizes)), sizes)
            places = np.arange(len(some)) - (starts[part] - offset)[rows]
            there = np.zeros((len(sizes), sizes.max(), 4), boxes.boxes.dtype)
            scores = np.zeros(there.shape[:2], boxes.scores.dtype)
            kept = np.zeros(there.shape[:2], bool)
            there[rows, places], scores[rows, places] = boxes.boxes[some], boxes.scores[some]
            kept[rows, places] = True
            frames = all_frames[mine[starts[part]]]
            yield BoxesOnFrames(frames, np.array([label]), there, scores[:, None], kept[:, None])
