"""Annotations of tubes: what they are in memory, and how they lie in files.

Two file formats hold the same content. The pickle is the field's (ACT-detector, MOC-Detector): a
dict with

- ``labels``: list of class names,
- ``gttubes``: ``{video: {label index: [(n, 5) float32: 1-based frame, x1, y1, x2, y2]}}``,
- ``nframes``: ``{video: number of frames}``,
- ``resolution``: ``{video: (height, width)}``,
- ``train_videos``, ``test_videos``: one list of videos for each split.

The JSON is what we recommend for new data; it is safe to open and to read::

    {"format": "stma-tubes", "version": 1,
     "labels": ["Run", "Jump"],
     "splits": [{"train": ["a"], "test": ["b"]}],
     "videos": {
       "a": {"num_frames": 90, "height": 240, "width": 320, "tubes": [
         {"label": "Jump", "first_frame": 12, "boxes": [[8.0, 16.5, 60.0, 120.0], ...]}]},
       ...}}

In both, a tube covers consecutive frames, frame 1 is the first decoded image, and a box is x1, y1,
x2, y2: 0-based inclusive pixel corners.
"""

from __future__ import annotations

import json
import os
import pickle
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import atomic_write
from ..safe_pickle import load_plain_pickle
from ..structures import Split, Tube, TubeAnnotations, VideoAnnotation
from .annotation_checks import check_annotations


def load_annotations(path: str | os.PathLike[str]) -> TubeAnnotations:
    """Read annotations from a pickle (``.pkl``) or from JSON (``.json``) and check them.

    Boxes that stick out of the frame are let through: data sets have them, and
    ``tools/prepare_dataset.py check`` lists them.

    Raises:
        UnsafePickleError: if a pickle holds anything but data.
        InputError: if the file is missing or damaged, or its content contradicts itself; the
            message names the file, the video, the label and the tube.
    """
    extension = _extension(path)
    source = os.fspath(path)
    if not os.path.isfile(path):
        raise InputError(f"no annotation file at {source}")
    if extension == ".pkl":
        data = load_plain_pickle(path)
        parse = _from_act
    else:
        with open(path, encoding="utf-8") as file:
            try:
                data = json.load(file)
            except ValueError as error:
                raise InputError(f"{source}: not readable JSON ({error})") from error
        parse = _from_json
    try:
        annotations = parse(data)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{source}: {error}") from error
    check_annotations(annotations, source)
    return annotations


def save_annotations(annotations: TubeAnnotations, path: str | os.PathLike[str]) -> None:
    """Check annotations, then write them whole or not at all, in the format that ``path`` names.

    ``load_annotations`` gives the same values back, with each video's tubes ordered by label.

    Raises:
        InputError: if the annotations contradict themselves, or ``path`` ends neither in ``.pkl``
            nor in ``.json``.
    """
    extension = _extension(path)
    check_annotations(annotations, os.fspath(path))
    if extension == ".pkl":
        content = pickle.dumps(_to_act(annotations), protocol=4)
    else:
        content = _to_json(annotations).encode("utf-8")
    with atomic_write(path) as file:
        file.write(content)


def _extension(path: str | os.PathLike[str]) -> str:
    extension = os.path.splitext(os.fspath(path))[1].lower()
    if extension not in (".pkl", ".json"):
        raise InputError(f"{os.fspath(path)}: annotation files end in .pkl or in .json")
    return extension


def _from_act(data: Any) -> TubeAnnotations:
    keys = ("labels", "gttubes", "nframes", "resolution", "train_videos", "test_videos")
    labels, all_tubes, num_frames, sizes, train, test = _take(data, keys, "the pickle")
    all_tubes = _text_keys(all_tubes, "gttubes")
    num_frames = _text_keys(num_frames, "nframes")
    sizes = _text_keys(sizes, "resolution")
    videos = {}
    for name, tubes in all_tubes.items():
        missing = [k for k, d in (("nframes", num_frames), ("resolution", sizes)) if name not in d]
        if missing:
            raise InputError(f"video '{name}' has tubes but no entry in {' and '.join(missing)}")
        try:
            height, width = sizes[name]
            videos[name] = VideoAnnotation(
                int(num_frames[name]), int(height), int(width), _act_tubes(tubes)
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(f"video '{name}': {error}") from error
    if len(train) != len(test):
        raise InputError(f"train_videos has {len(train)} splits, test_videos has {len(test)}")
    splits = tuple(
        Split(_names(a, "train_videos"), _names(b, "test_videos"))
        for a, b in zip(train, test, strict=True)
    )
    return TubeAnnotations(_names(labels, "labels"), videos, splits)


def _act_tubes(tubes_of_label: dict[int, list[np.ndarray]]) -> tuple[Tube, ...]:
    tubes = []
    for label, arrays in sorted(tubes_of_label.items()):
        for number, rows in enumerate(arrays):
            rows = np.asarray(rows)
            if rows.ndim != 2 or rows.shape[1] != 5:
                raise InputError(
                    f"label {label}, tube {number}: an array of shape {rows.shape} where (n, 5) "
                    "was expected (frame, x1, y1, x2, y2)"
                )
            frames = rows[:, 0]
            if not (np.isfinite(frames) & (frames == np.floor(frames))).all():
                raise InputError(f"label {label}, tube {number}: frame numbers are not whole")
            tubes.append(Tube(frames.astype(np.int64), rows[:, 1:].astype(np.float32), int(label)))
    return tuple(tubes)


def _to_act(annotations: TubeAnnotations) -> dict[str, Any]:
    all_tubes: dict[str, dict[int, list[np.ndarray]]] = {}
    for name, video in annotations.videos.items():
        tubes_of_label = all_tubes.setdefault(name, {})
        for tube in sorted(video.tubes, key=lambda t: t.label):
            rows = np.column_stack([tube.frames, tube.boxes]).astype(np.float32)
            tubes_of_label.setdefault(int(tube.label), []).append(rows)
    return {
        "labels": list(annotations.labels),
        "gttubes": all_tubes,
        "nframes": {name: int(v.num_frames) for name, v in annotations.videos.items()},
        "resolution": {
            name: (int(v.height), int(v.width)) for name, v in annotations.videos.items()
        },
        "train_videos": [list(split.train) for split in annotations.splits],
        "test_videos": [list(split.test) for split in annotations.splits],
    }


def _from_json(data: Any) -> TubeAnnotations:
    version, labels, splits, entries = _take(
        data, ("version", "labels", "splits", "videos"), "the file"
    )
    if version != 1:
        raise InputError(f"version {version!r} of the format is unknown; this code reads version 1")
    labels = _names(labels, "labels")
    videos = {}
    for name, entry in _text_keys(entries, "videos").items():
        where = f"video '{name}'"
        num_frames, height, width, tubes = _take(
            entry, ("num_frames", "height", "width", "tubes"), where
        )
        tubes = [
            _json_tube(tube, labels, f"{where}, tube {number}") for number, tube in enumerate(tubes)
        ]
        tubes.sort(key=lambda tube: tube.label)
        videos[name] = VideoAnnotation(int(num_frames), int(height), int(width), tuple(tubes))
    pairs = [_take(s, ("train", "test"), f"split {i}") for i, s in enumerate(splits, start=1)]
    return TubeAnnotations(
        labels, videos, tuple(Split(_names(a, "train"), _names(b, "test")) for a, b in pairs)
    )


def _json_tube(entry: dict[str, Any], labels: tuple[str, ...], where: str) -> Tube:
    label, first_frame, boxes = _take(entry, ("label", "first_frame", "boxes"), where)
    if label not in labels:
        raise InputError(f"{where}: label {label!r} is not among the file's labels")
    try:
        boxes = np.array(boxes, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: the boxes are not lists of four numbers") from error
    frames = np.arange(len(boxes), dtype=np.int64) + int(first_frame)
    return Tube(frames, boxes, labels.index(label))


def _to_json(annotations: TubeAnnotations) -> str:
    # One line for each video and each tube: a person can read it, and tools can compare it.
    videos = []
    for name, video in annotations.videos.items():
        tubes = [
            json.dumps(
                {
                    "label": annotations.labels[tube.label],
                    "first_frame": int(tube.frames[0]),
                    "boxes": np.asarray(tube.boxes, dtype=np.float32).tolist(),
                }
            )
            for tube in sorted(video.tubes, key=lambda t: t.label)
        ]
        head = f'"num_frames": {video.num_frames}, "height": {video.height}, "width": {video.width}'
        body = ",".join(f"\n  {tube}" for tube in tubes)
        videos.append(f'\n {json.dumps(name)}: {{{head}, "tubes": [{body}]}}')
    splits = [
        {"train": list(split.train), "test": list(split.test)} for split in annotations.splits
    ]
    return (
        '{"format": "stma-tubes", "version": 1,\n'
        f'"labels": {json.dumps(annotations.labels)},\n'
        f'"splits": {json.dumps(splits)},\n'
        f'"videos": {{{",".join(videos)}}}}}\n'
    )


def _take(data: Any, keys: tuple[str, ...], where: str) -> list[Any]:
    """The values of ``keys``; InputError that names what is missing."""
    data = _text_keys(data, where)
    missing = [key for key in keys if key not in data]
    if missing:
        raise InputError(f"{where} lacks {', '.join(map(repr, missing))}")
    return [data[key] for key in keys]


def _text_keys(data: Any, where: str) -> dict[Any, Any]:
    if not isinstance(data, dict):
        raise InputError(f"{where} holds a {type(data).__name__} where a mapping was expected")
    return {_text(key): value for key, value in data.items()}


def _names(values: Any, what: str) -> tuple[str, ...]:
    names = tuple(_text(v) for v in values) if isinstance(values, (list, tuple)) else None
    if names is None or not all(isinstance(name, str) for name in names):
        raise InputError(f"{what} must hold a list of names (train and test: one for each split)")
    return names


def _text(value: Any) -> Any:
    return value.decode("latin1") if isinstance(value, bytes) else value
