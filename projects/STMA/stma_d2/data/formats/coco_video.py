"""Annotations in COCO's JSON for videos, as MMTracking and its followers have it (CocoVID).

Follows "CocoVID" of MMTracking 0.14 (``docs/en/tutorials/customize_dataset.md``) on top of COCO's
"Data format" (https://cocodataset.org/#format-data)::

    {"videos": [{"id": 1, "name": "a"}],
     "images": [{"id": 1, "video_id": 1, "frame_id": 0, "width": 320, "height": 240, ...}],
     "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "track_id": 1,
                      "bbox": [left, top, width, height], ...}],
     "categories": [{"id": 1, "name": "run"}]}

- ``frame_id`` counts from 0, so frame f is our frame f + 1; files that count from 1 are read with
  ``first_frame`` 1. ``frame_index`` (TAO) is the same. A video is as long as its images say.
- ``bbox`` has edges counted from 0: x1 = left, x2 = left + width - 1.
- A track is named by ``track_id``, or by ``instance_id`` (CocoVID's own word). A track whose
  category changes is several tubes; crowds (``iscrowd`` 1) are no tubes.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ...errors import InputError
from ...plain_values import fields, items, number, text, whole_number
from ...structures import TubeAnnotations
from ..annotation_checks import MAX_FRAMES
from .report import Report
from .settings import FormatSettings
from .tracks import Reading, Track, VideoTracks, from_sizes, to_sizes


def read_coco_video(data: Any, source: str, settings: FormatSettings, report: Report) -> Reading:
    """Read what the JSON file holds.

    Args:
        data: its content.
        source: the file's name, for messages.
        settings: ``first_frame`` is used.
        report: gets what is left out.

    Raises:
        InputError: naming the file, the list and the item (counted from 0), if a value is not of
            its kind or refers to nothing.
    """
    lists = fields(data, ("videos", "images", "annotations", "categories"), source)
    videos, images, annotations, categories = (
        items(value, f"{source}: {key}")
        for value, key in zip(lists, ("videos", "images", "annotations", "categories"), strict=True)
    )
    labels = _by_id(categories, "categories", source)
    named = {
        identity: text(_field(entry, "name", where), f"{where}, name")
        for identity, (entry, where) in labels.items()
    }
    found = {
        identity: VideoTracks(text(entry.get("name", entry.get("file_name")), f"{where}, name"))
        for identity, (entry, where) in _by_id(videos, "videos", source).items()
    }
    places = _places(images, found, source, settings)
    rows: dict[tuple[Any, Any, str], dict[int, list[float]]] = {}
    for index, entry in enumerate(annotations):
        where = f"{source}: annotations, item {index}"
        video, frame = places[_key(entry, "image_id", places, where)]
        label = named[_key(entry, "category_id", named, where)]
        name = found[video].name
        track = entry.get("track_id", entry.get("instance_id"))
        if track is None:
            report.drop("an annotation without track_id (or instance_id)", name)
        elif entry.get("iscrowd", 0) not in (0, False):
            report.drop("a crowd (iscrowd)", name)
        else:
            boxes = rows.setdefault((video, _identity(track, f"{where}, track_id"), label), {})
            if frame in boxes:
                report.drop("a second box of the same track and category on a frame", name)
            else:
                boxes[frame] = _box(entry, where)
    for (video, track, label), boxes in rows.items():
        frames = np.array(sorted(boxes), np.int64)
        sizes = np.array([boxes[frame] for frame in frames.tolist()])
        name = f"{found[video].name}: track {track}"
        found[video].tracks.append(Track(name, label, frames, from_sizes(sizes)))
    return Reading(source, list(named.values()), list(found.values()))


def _places(
    images: Any, videos: dict[Any, VideoTracks], source: str, settings: FormatSettings
) -> dict[Any, tuple[Any, int]]:
    """The video and 1-based frame of each image; fills in the videos' lengths and sizes."""
    places = {}
    for identity, (entry, where) in _by_id(images, "images", source).items():
        video = _key(entry, "video_id", videos, where)
        index = entry.get("frame_id", entry.get("frame_index"))
        frame = whole_number(index, f"{where}, frame_id") - settings.first_frame + 1
        if not 1 <= frame <= MAX_FRAMES:
            raise InputError(
                f"{where}: frame_id is {index}; with frames counted from {settings.first_frame} it "
                f"must be {settings.first_frame} to {MAX_FRAMES}"
            )
        height, width = (
            whole_number(_field(entry, side, where), f"{where}, {side}")
            for side in ("height", "width")
        )
        found = videos[video]
        if found.height is not None and (height, width) != (found.height, found.width):
            raise InputError(
                f"{where}: {width} x {height} pixels, but video '{found.name}' has images of "
                f"{found.width} x {found.height}"
            )
        found.height, found.width = height, width
        found.num_frames = max(frame, found.num_frames or 0)
        places[identity] = (video, frame)
    return places


def _by_id(entries: Any, kind: str, source: str) -> dict[Any, tuple[dict[str, Any], str]]:
    """The entries of a list, and their places for messages, by their ids."""
    result = {}
    for index, entry in enumerate(entries):
        where = f"{source}: {kind}, item {index}"
        (identity,) = fields(entry, ("id",), where)
        identity = _identity(identity, f"{where}, id")
        if identity in result:
            raise InputError(f"{where}: the id {identity!r} is there twice")
        result[identity] = (entry, where)
    return result


def _identity(value: Any, where: str) -> int | str:
    if type(value) not in (int, str):
        raise InputError(f"{where} is {value!r:.40}; it must be a whole number or text")
    return value


def _field(entry: dict[str, Any], key: str, where: str) -> Any:
    (value,) = fields(entry, (key,), where)
    return value


def _key(entry: Any, key: str, table: dict[Any, Any], where: str) -> Any:
    """The value of ``key``, which must be a key of ``table``."""
    value = _identity(_field(entry, key, where), f"{where}, {key}")
    if value not in table:
        raise InputError(f"{where}: {key} is {value!r}, which nothing in the file has as its id")
    return value


def _box(entry: dict[str, Any], where: str) -> list[float]:
    box = items(_field(entry, "bbox", where), f"{where}, bbox")
    if len(box) != 4:
        raise InputError(f"{where}, bbox has {len(box)} numbers, not left, top, width, height")
    return [number(value, f"{where}, bbox") for value in box]


def write_coco_video(annotations: TubeAnnotations, scored: bool) -> bytes:
    """The JSON file of all videos; tracks are numbered through the file.

    Args:
        annotations: what to write.
        scored: the tubes are a model's: each annotation gets its tube's ``score``.
    """
    images, boxes = [], []
    track = 0
    for number_of_video, (name, video) in enumerate(annotations.videos.items(), start=1):
        first_image = len(images) + 1
        images += [
            {
                "id": first_image + frame,
                "video_id": number_of_video,
                "frame_id": frame,
                "file_name": f"{name}/{frame + 1:05d}.jpg",
                "width": video.width,
                "height": video.height,
            }
            for frame in range(video.num_frames)
        ]
        for tube in video.tubes:
            track += 1
            for frame, box in zip(tube.frames.tolist(), to_sizes(tube.boxes).tolist(), strict=True):
                boxes.append(
                    {
                        "id": len(boxes) + 1,
                        "image_id": first_image + frame - 1,
                        "video_id": number_of_video,
                        "category_id": tube.label + 1,
                        "track_id": track,
                        "instance_id": track,
                        "bbox": box,
                        "area": box[2] * box[3],
                        "iscrowd": 0,
                        **({"score": float(tube.score)} if scored else {}),
                    }
                )
    content = {
        "videos": [{"id": i, "name": name} for i, name in enumerate(annotations.videos, start=1)],
        "images": images,
        "annotations": boxes,
        "categories": [
            {"id": i, "name": label} for i, label in enumerate(annotations.labels, start=1)
        ],
    }
    return json.dumps(content).encode()
