"""Contradictions that annotations can contain."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..errors import InputError
from ..structures import Split, Tube, TubeAnnotations, VideoAnnotation

MAX_FRAMES = 10_000_000  # of a video: days
MAX_SIDE = 32_767  # pixels, of what OpenCV can warp
MAX_COORDINATE = 1e6  # pixels, either side of the frame's corner


def check_annotations(annotations: TubeAnnotations, source: str) -> None:
    """Find the first contradiction in ``annotations``.

    Args:
        annotations: what to check.
        source: the file's name, for the message.

    Raises:
        InputError: naming the file, the video, the label, the tube (counted within its label) and
            what is wrong.
    """
    problem = _labels_problem(annotations.labels)
    for name, video in annotations.videos.items():
        problem = problem or _video_problem(video, name, annotations.labels)
    for number, split in enumerate(annotations.splits, start=1):
        problem = problem or _split_problem(split, number, annotations)
    if problem:
        raise InputError(f"{source}: {problem}")


def beyond_frame(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """How far boxes reach out of their frame.

    Args:
        boxes: (n, 4) x1, y1, x2, y2 in pixels, corners included.
        height: of the frame, in pixels.
        width: of the frame, in pixels.

    Returns:
        (n,) pixels, each box's largest excess; 0 or less where it lies inside.
    """
    limits = np.array([width - 1, height - 1])
    return np.maximum(-boxes[:, :2], boxes[:, 2:] - limits).max(axis=1)


def tube_problem(tube: Tube, num_frames: int) -> str | None:
    """What is wrong with a ground-truth tube of a video of ``num_frames``; None: nothing."""
    frames, boxes = tube.frames, tube.boxes
    if boxes.shape != (len(frames), 4):
        return f"boxes of shape {boxes.shape} where ({len(frames)}, 4) was expected"
    if not len(frames):
        return "it holds no boxes"
    gaps = np.flatnonzero(np.diff(frames) != 1)
    if len(gaps):
        before, after = frames[gaps[0]], frames[gaps[0] + 1]
        return f"frame {after} follows frame {before}; a tube covers consecutive frames"
    if frames[0] < 1 or frames[-1] > num_frames:
        return f"it covers frames {frames[0]} to {frames[-1]}, the video has 1 to {num_frames}"
    for bad, what in (
        (~np.isfinite(boxes).all(axis=1), "is not finite"),
        ((np.abs(boxes) > MAX_COORDINATE).any(axis=1), "lies a million pixels away"),
        (boxes[:, 2] < boxes[:, 0], "has x2 < x1"),
        (boxes[:, 3] < boxes[:, 1], "has y2 < y1"),
    ):
        if bad.any():
            index = int(bad.argmax())
            return f"the box of frame {frames[index]} {what}: {boxes[index].tolist()}"
    return None


def _labels_problem(labels: tuple[str, ...]) -> str | None:
    if not labels:
        return "the list of labels is empty"
    if len(set(labels)) < len(labels):
        return f"label '{_most_frequent(labels)}' is listed twice"
    unprintable = [label for label in labels if not label.isprintable()]
    return f"the label {unprintable[0]!r} cannot be printed" if unprintable else None


def _video_problem(video: VideoAnnotation, name: str, labels: tuple[str, ...]) -> str | None:
    if not name.isprintable() or {"", ".", ".."} & set(name.split("/")):
        return f"the video name {name!r} is no path within the folder of frames, as 'Run/run_01' is"
    size = (video.height, video.width)
    if min(video.num_frames, *size) < 1 or max(size) > MAX_SIDE or video.num_frames > MAX_FRAMES:
        return (
            f"video '{name}': {video.num_frames} frames of {size[0]} x {size[1]} pixels; there "
            f"can be 1 to {MAX_FRAMES} frames, of 1 to {MAX_SIDE} pixels a side"
        )
    numbers: Counter[int] = Counter()
    for tube in video.tubes:
        number = numbers[tube.label]
        numbers[tube.label] += 1
        if 0 <= tube.label < len(labels):
            problem = tube_problem(tube, video.num_frames)
            label = f"label {tube.label} ({labels[tube.label]})"
        else:
            problem = f"there are labels 0 to {len(labels) - 1}"
            label = f"label {tube.label}"
        if problem:
            return f"video '{name}', {label}, tube {number}: {problem}"
    return None


def _split_problem(split: Split, number: int, annotations: TubeAnnotations) -> str | None:
    for subset, names in (("train", split.train), ("test", split.test)):
        if len(set(names)) < len(names):
            return f"video '{_most_frequent(names)}' is listed twice in {subset} of split {number}"
        absent = [name for name in names if name not in annotations.videos]
        if absent:
            return (
                f"video '{absent[0]}' is in {subset} of split {number} but has no annotation "
                f"({len(absent)} such videos)"
            )
    return None


def _most_frequent(names: tuple[str, ...]) -> str:
    return Counter(names).most_common(1)[0][0]
