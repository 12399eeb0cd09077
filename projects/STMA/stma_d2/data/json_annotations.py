"""Annotations in JSON; see `annotations`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..errors import InputError
from ..plain_values import fields, items, mapping, names, number, whole_number
from ..safe_json import parse_json
from ..structures import Split, Tube, TubeAnnotations, VideoAnnotation

_FORMAT, _VERSION = "stma-tubes", 1


def from_json(content: bytes) -> TubeAnnotations:
    """Take annotations from a file's content, contradictions and all.

    Raises:
        InputError: naming the video, the tube and the key, if a value is not of its kind, or if
            the content is no JSON.
    """
    data = mapping(parse_json(content), "the file")
    if (kind := data.get("format", _FORMAT)) != _FORMAT:
        raise InputError(f"the file's format is {kind!r}; this code reads {_FORMAT!r}")
    version, labels, splits, entries = fields(
        data, ("version", "labels", "splits", "videos"), "the file"
    )
    if whole_number(version, "version") != _VERSION:
        raise InputError(f"version {version} of the format is unknown; this code reads {_VERSION}")
    labels = names(labels, "labels")
    videos = {
        name: _video(entry, labels, f"video '{name}'")
        for name, entry in mapping(entries, "videos").items()
    }
    numbered = enumerate(items(splits, "splits"), start=1)
    splits = tuple(_split(entry, f"split {number}") for number, entry in numbered)
    return TubeAnnotations(labels, videos, splits)


def _split(entry: Any, where: str) -> Split:
    train, test = fields(entry, ("train", "test"), where)
    return Split(names(train, f"{where}, train"), names(test, f"{where}, test"))


def _video(entry: Any, labels: tuple[str, ...], where: str) -> VideoAnnotation:
    numbers = ("num_frames", "height", "width")
    *values, tubes = fields(entry, (*numbers, "tubes"), where)
    tubes = [
        _tube(tube, labels, f"{where}, tube {number}")
        for number, tube in enumerate(items(tubes, f"{where}, tubes"))
    ]
    return VideoAnnotation(
        *(whole_number(v, f"{where}, {name}") for name, v in zip(numbers, values, strict=True)),
        tuple(sorted(tubes, key=lambda tube: tube.label)),
    )


def _tube(entry: Any, labels: tuple[str, ...], where: str) -> Tube:
    label, first_frame, boxes = fields(entry, ("label", "first_frame", "boxes"), where)
    if label not in labels:
        raise InputError(f"{where}: label {label!r} is not among the file's labels")
    first_frame = whole_number(first_frame, f"{where}, first_frame")
    boxes = items(boxes, f"{where}, boxes")
    for index, box in enumerate(boxes):
        if not isinstance(box, list) or [type(x) in (int, float) for x in box] != [True] * 4:
            raise InputError(f"{where}, boxes: item {index} is no list of four numbers")
    try:
        with np.errstate(over="ignore"):
            boxes = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    except OverflowError as error:
        raise InputError(f"{where}, boxes: a number is too large") from error
    frames = np.arange(len(boxes), dtype=np.int64) + first_frame
    score = number(entry.get("score", 1.0), f"{where}, score")
    return Tube(frames, boxes, labels.index(label), score)


def to_json(annotations: TubeAnnotations) -> str:
    """The file's text: one line for each video and each tube, to be read and compared."""
    videos = []
    for name, video in annotations.videos.items():
        tubes = [
            json.dumps(
                {
                    "label": annotations.labels[tube.label],
                    "first_frame": int(tube.frames[0]),
                    **({} if tube.score == 1.0 else {"score": float(tube.score)}),
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
        f'{{"format": "{_FORMAT}", "version": {_VERSION},\n'
        f'"labels": {json.dumps(annotations.labels)},\n'
        f'"splits": {json.dumps(splits)},\n'
        f'"videos": {{{",".join(videos)}}}}}\n'
    )
