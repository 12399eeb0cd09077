"""Annotations in the field's format, a dict that lies in a pickle; see `annotations`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError
from ..plain_values import fields, items, mapping, names, whole_number
from ..structures import Split, Tube, TubeAnnotations, VideoAnnotation


def from_act(data: Any) -> TubeAnnotations:
    """Take annotations from what the pickle holds, contradictions and all.

    Raises:
        InputError: naming the video, the label, the tube and the key, if a value is not of its
            kind.
    """
    keys = ("labels", "gttubes", "nframes", "resolution", "train_videos", "test_videos")
    labels, *by_video, train, test = fields(data, keys, "the pickle")
    all_tubes, num_frames, sizes = map(mapping, by_video, keys[1:4])
    videos = {}
    for name, tubes in all_tubes.items():
        missing = [k for k, d in (("nframes", num_frames), ("resolution", sizes)) if name not in d]
        if missing:
            raise InputError(f"video '{name}' has tubes but no entry in {' and '.join(missing)}")
        videos[name] = _video(f"video '{name}'", tubes, num_frames[name], sizes[name])
    train, test = items(train, "train_videos"), items(test, "test_videos")
    if len(train) != len(test):
        raise InputError(f"train_videos has {len(train)} splits, test_videos has {len(test)}")
    splits = tuple(
        Split(names(a, f"train_videos of split {i}"), names(b, f"test_videos of split {i}"))
        for i, (a, b) in enumerate(zip(train, test, strict=True), start=1)
    )
    return TubeAnnotations(names(labels, "labels"), videos, splits)


def _video(where: str, tubes: Any, num_frames: Any, size: Any) -> VideoAnnotation:
    place = f"{where}, resolution"
    size = [whole_number(side, place) for side in items(size, place)]
    if len(size) != 2:
        raise InputError(f"{place} has {len(size)} numbers, not height and width")
    if not isinstance(tubes, dict):
        raise InputError(f"{where}, gttubes holds no mapping from labels to tubes")
    by_label = {whole_number(k, f"{where}, a label in gttubes"): tubes[k] for k in tubes}
    return VideoAnnotation(
        whole_number(num_frames, f"{where}, nframes"),
        *size,
        tuple(
            _tube(rows, label, f"{where}, label {label}, tube {number}")
            for label, arrays in sorted(by_label.items())
            for number, rows in enumerate(items(arrays, f"{where}, label {label}"))
        ),
    )


def _tube(rows: Any, label: int, where: str) -> Tube:
    shape = getattr(rows, "shape", ())
    if len(shape) != 2 or shape[1] != 5 or rows.dtype.kind not in "fiu":
        raise InputError(
            f"{where}: {type(rows).__name__} of shape {shape} where an array of numbers (n, 5) was "
            "expected (frame, x1, y1, x2, y2)"
        )
    frames = rows[:, 0].astype(np.float64)
    if not ((np.abs(frames) < 2**31) & (frames == np.floor(frames))).all():
        raise InputError(f"{where}: frame numbers are not whole")
    with np.errstate(over="ignore"):  # such boxes are refused later, being infinite
        boxes = rows[:, 1:].astype(np.float32)
    return Tube(frames.astype(np.int64), boxes, label)


def to_act(annotations: TubeAnnotations) -> dict[str, Any]:
    """What the pickle holds."""
    all_tubes: dict[str, dict[int, list[np.ndarray]]] = {}
    for name, video in annotations.videos.items():
        tubes_of_label = all_tubes.setdefault(name, {})
        for tube in sorted(video.tubes, key=lambda t: t.label):
            rows = np.column_stack([tube.frames, tube.boxes]).astype(np.float32)
            tubes_of_label.setdefault(int(tube.label), []).append(rows)
    videos = annotations.videos.items()
    return {
        "labels": list(annotations.labels),
        "gttubes": all_tubes,
        "nframes": {name: int(video.num_frames) for name, video in videos},
        "resolution": {name: (int(video.height), int(video.width)) for name, video in videos},
        "train_videos": [list(split.train) for split in annotations.splits],
        "test_videos": [list(split.test) for split in annotations.splits],
    }
