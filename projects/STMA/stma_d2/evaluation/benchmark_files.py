"""The two files of finished detections that the MultiSports benchmark scores.

Both are pickles (README.md of MCG-NJU/MultiSports says how they are made):

- ``frame_detections.pkl``: an array (n, 8), or a list of n arrays (8,): the video's place in the
  ground truth's ``test_videos[0]`` (from 0), frame (from 1), label (from 0), score, x1, y1, x2, y2;
- ``video_detections.pkl``: ``{label: [(video, score, array (n, 6))]}``, of rows of frame, x1, y1,
  x2, y2 and the box's score, which counts for nothing and may be absent.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import atomic_write
from ..plain_values import items, names, whole_number
from ..safe_pickle import load_plain_pickle
from ..structures import Tube, TubeAnnotations, Tubelets
from .frame_boxes import FrameBoxes, boxes_of_tubelets
from .protocols import Protocol
from .video_map import tubes_of_tubelets

logger = logging.getLogger(__name__)

FRAME_FILE = "frame_detections.pkl"
TUBE_FILE = "video_detections.pkl"
_COLUMNS = "video, frame, label, score, x1, y1, x2, y2"
_LAST_FRAME = 2**31


def load_frame_boxes(
    path: str | os.PathLike[str], annotations: TubeAnnotations, videos: Sequence[str]
) -> dict[str, FrameBoxes]:
    """Read a file of boxes on frames.

    Args:
        path: the pickle; it may be of any origin.
        annotations: which say what classes there are.
        videos: the test videos in the annotation file's order, to which the file's numbers refer.

    Returns:
        The boxes of each video that has some, in the file's order and precision.

    Raises:
        OSError: if the file cannot be read.
        InputError: if it is no such file, or a row contradicts the annotations or itself; the
            message names the file and the row, counted from 0.
    """
    source = os.fspath(path)
    rows = _frame_rows(load_plain_pickle(path), source)
    num_labels = len(annotations.labels)
    whole = (rows[:, :3] == np.floor(rows[:, :3])).all(axis=1)
    for bad, what in (
        (~np.isfinite(rows).all(axis=1), "has a number that is NaN or infinite"),
        (~whole, "has a video, frame or label that is no whole number"),
        (rows[:, 0] < 0, "has a negative video number"),
        (rows[:, 0] >= len(videos), f"names a video beyond the {len(videos)} of the split"),
        (rows[:, 1] < 1, "has a frame below 1; frames count from 1"),
        (rows[:, 1] >= _LAST_FRAME, "has a frame number beyond 31 bits"),
        (
            (rows[:, 2] < 0) | (rows[:, 2] >= num_labels),
            f"has a label that is not among the annotations' 0 to {num_labels - 1}",
        ),
    ):
        _refuse(rows, bad, what, source)
    lengths = np.array([annotations.videos[video].num_frames for video in videos], np.int64)
    too_late = rows[:, 1] > lengths[rows[:, 0].astype(np.int64)]
    _refuse(rows, too_late, "has a frame beyond the video's end", source)
    _tell_inverted(rows[:, 4:], source)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    numbers = rows[:, :3].astype(np.int64)
    places, starts, counts = np.unique(numbers[:, 0], return_index=True, return_counts=True)
    result = {}
    for place, start, stop in zip(places, starts, starts + counts, strict=True):
        _, frames, labels = numbers[start:stop].T
        scores, boxes = rows[start:stop, 3], rows[start:stop, 4:]
        result[videos[place]] = FrameBoxes(frames, labels, scores, boxes)
    return result


def _refuse(rows: np.ndarray, bad: np.ndarray, what: str, source: str) -> None:
    if bad.any():
        row = int(bad.argmax())
        shown = ", ".join(f"{value:g}" for value in rows[row])
        raise InputError(f"{source}: row {row} {what} ({_COLUMNS}: {shown})")


def _tell_inverted(boxes: np.ndarray, source: str) -> None:
    """Warn of boxes that end before they begin: some detectors give a few, other formats many."""
    inverted = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if inverted.any():
        first = ", ".join(f"{value:g}" for value in boxes[inverted.argmax()])
        logger.warning(
            f"{source}: {inverted.sum()} of {len(boxes)} boxes have x2 < x1 or y2 < y1 and match "
            f"nothing, the first {first}; a box is x1, y1, x2, y2"
        )


def _frame_rows(data: Any, source: str) -> np.ndarray:
    """(n, 8) float32 or float64."""
    rows = data
    if isinstance(data, list | tuple) and all(
        isinstance(row, np.ndarray) and row.shape == (8,) for row in data
    ):
        rows = np.stack(data) if data else np.zeros((0, 8))
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "fiu" or rows.shape[1:] != (8,):
        raise InputError(
            f"{source} holds {_shown(data)}, but boxes on frames are an array of rows of 8 numbers "
            f"or a list of these ({_COLUMNS})"
        )
    return rows.astype(_precision(rows), copy=False)


def load_tubes(
    path: str | os.PathLike[str], annotations: TubeAnnotations, videos: Sequence[str]
) -> dict[str, list[Tube]]:
    """Read a file of tubes.

    Args:
        path: the pickle; it may be of any origin.
        annotations: which say what classes and videos there are.
        videos: the test videos.

    Returns:
        The tubes of each video that has some, label after label in the file's order; boxes have
        the file's precision.

    Raises:
        OSError: if the file cannot be read.
        InputError: if it is no such file, or a tube contradicts the annotations or itself; the
            message names the file, the label and the tube, counted from 0.
    """
    source = os.fspath(path)
    data = load_plain_pickle(path)
    if not isinstance(data, dict):
        raise InputError(
            f"{source} holds {_shown(data)}, but tubes are a dict that gives for each label a list "
            "of (video, score, array)"
        )
    known, tested = annotations.videos, set(videos)
    result: dict[str, list[Tube]] = {}
    for key, entries in data.items():
        label = whole_number(key, f"{source}: a label")
        if not 0 <= label < len(annotations.labels):
            raise InputError(
                f"{source}: label {label} is not among the annotations' 0 to "
                f"{len(annotations.labels) - 1}"
            )
        for number, entry in enumerate(items(entries, f"{source}: label {label}")):
            where = f"{source}: label {label}, tube {number}"
            video, tube = _tube(entry, label, where)
            if video not in known:
                raise InputError(
                    f"{where}: video {video!r} is not in the annotations; were the detections made "
                    "on another data set?"
                )
            if video not in tested:
                raise InputError(
                    f"{where}: video {video!r} is none of the test videos; leave out its tubes"
                )
            if tube.frames[-1] > known[video].num_frames:
                raise InputError(
                    f"{where} has a frame beyond the end of the video {video!r}, which has "
                    f"{known[video].num_frames} frames"
                )
            result.setdefault(video, []).append(tube)
    boxes = [tube.boxes for tubes in result.values() for tube in tubes]
    _tell_inverted(np.concatenate([np.zeros((0, 4)), *boxes]), source)
    return result


def _tube(entry: Any, label: int, where: str) -> tuple[str, Tube]:
    """The video's name and the tube."""
    parts = items(entry, where)
    if len(parts) != 3:
        raise InputError(f"{where} has {len(parts)} parts, not a video, a score and an array")
    (video,) = names(parts[:1], where)
    score, rows = parts[1:]
    if type(score) not in (int, float) or not math.isfinite(score):
        raise InputError(f"{where}: the score is {_shown(score)}; it must be a finite number")
    if (
        not isinstance(rows, np.ndarray)
        or rows.dtype.kind not in "fiu"
        or rows.ndim != 2
        or rows.shape[1] not in (5, 6)
        or not len(rows)
    ):
        raise InputError(
            f"{where} holds {_shown(rows)}, not an array (n, 6) of frame, x1, y1, x2, y2, score"
        )
    rows = rows[:, :5].astype(_precision(rows), copy=False)
    if not np.isfinite(rows).all():
        raise InputError(f"{where} has a frame or a box that is NaN or infinite")
    frames = rows[:, 0]
    if not ((frames >= 1) & (frames < _LAST_FRAME) & (frames == np.floor(frames))).all():
        raise InputError(f"{where} has a frame that is no whole number from 1 on")
    frames = frames.astype(np.int64)
    if (np.diff(frames) != 1).any():
        raise InputError(f"{where} has gaps; a tube covers consecutive frames in ascending order")
    return video, Tube(frames, rows[:, 1:], label, float(score))


def _precision(rows: np.ndarray) -> type[np.floating]:
    """The type to compute in: that of the file, if it is one of these."""
    return np.float32 if rows.dtype.kind == "f" and rows.dtype.itemsize <= 4 else np.float64


def _shown(value: Any) -> str:
    """A value for a message: a number itself, else its kind."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"


def save_benchmark_files(
    folder: str | os.PathLike[str],
    detections: Mapping[str, Tubelets],
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: Protocol,
    min_score: float = 0.0,
) -> None:
    """Write both files; read again they score as the tubelets do, if ``min_score`` is 0.

    Args:
        folder: where; each file is written whole or not at all.
        detections: tubelets by video, arrays; those that are not in ``videos`` are left out.
        annotations: the ground truth.
        videos: the test videos in the annotation file's order.
        protocol: whose rules suppress boxes and link tubes.
        min_score: boxes on frames that score less are left out. Every class of every tubelet is a
            box on each of its frames, 32 bytes each.
    """
    places = {video: place for place, video in enumerate(videos)}
    frame_rows = [np.zeros((0, 8), np.float32)]
    tubes: dict[int, list[tuple[str, float, np.ndarray]]]
    tubes = {label: [] for label in range(len(annotations.labels))}
    for video in sorted(set(videos) & set(detections)):
        annotation, tubelets = annotations.videos[video], detections[video].numpy()
        for found in boxes_of_tubelets(tubelets, annotation, protocol):
            place = np.full(len(found.frames), places[video])
            rows = (place, found.frames, found.labels, found.scores, found.boxes)
            rows = np.column_stack(rows).astype(np.float32)
            frame_rows.append(rows[found.scores >= min_score])
        for tube in tubes_of_tubelets(tubelets, annotation.num_frames, protocol):
            scores = np.full(len(tube), tube.score)
            rows = np.column_stack([tube.frames, tube.boxes, scores]).astype(np.float32)
            tubes[tube.label].append((video, tube.score, rows))
    for name, content in ((FRAME_FILE, np.concatenate(frame_rows)), (TUBE_FILE, tubes)):
        with atomic_write(os.path.join(folder, name)) as file:
            pickle.dump(content, file, protocol=4)
