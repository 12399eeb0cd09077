"""What was found in videos as plain values, and as files: JSON, CSV, CVAT's XML."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.finder import is_video_name
from ..data.formats import write_cvat
from ..files import atomic_write
from ..structures import Tube, TubeAnnotations, VideoAnnotation

COLUMNS = "video tube_id label score frame seconds x1 y1 x2 y2".split()


def video_record(
    video: str,
    size: tuple[int, int],
    times: np.ndarray,
    labels: Sequence[str],
    tubes: Sequence[Tube],
) -> dict[str, Any]:
    """One video as plain values for JSON.

    Args:
        video: its name.
        size: height and width, pixels.
        times: (frames + 1,) seconds from the first frame on, when each frame appears and the last
            one ends.
        labels: class names.
        tubes: with boxes in the video's pixels.

    Returns:
        ``video``, ``width``, ``height``, ``num_frames``, ``duration_seconds``, and ``tubes``: each
        with ``id`` (from 1), ``label`` (the name), ``class`` (its number), ``score``,
        ``start_seconds``, ``end_seconds`` (when its last frame ends), and for each of its frames
        the number (from 1) in ``frames``, the time in ``seconds``, [x1, y1, x2, y2] in ``boxes``.
    """
    return {
        "video": video,
        "width": size[1],
        "height": size[0],
        "num_frames": len(times) - 1,
        "duration_seconds": _seconds(times[-1]),
        "tubes": [
            {
                "id": number,
                "label": labels[tube.label],
                "class": int(tube.label),
                "score": round(float(tube.score), 5),
                "start_seconds": _seconds(times[tube.frames[0] - 1]),
                "end_seconds": _seconds(times[tube.frames[-1]]),
                "frames": tube.frames.tolist(),
                "seconds": [_seconds(time) for time in times[tube.frames - 1]],
                "boxes": [[round(float(value), 2) for value in box] for box in tube.boxes],
            }
            for number, tube in enumerate(tubes, start=1)
        ],
    }


def record_rows(record: dict[str, Any]) -> Iterator[list[Any]]:
    """The `COLUMNS` of each box of a `video_record`."""
    for tube in record["tubes"]:
        for frame, seconds, box in zip(tube["frames"], tube["seconds"], tube["boxes"], strict=True):
            yield [record["video"], tube["id"], tube["label"], tube["score"], frame, seconds, *box]


def json_text(content: Any) -> str:
    """Plain values as JSON."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def write_tubes(path: str | Path, records: Sequence[dict[str, Any]], labels: Sequence[str]) -> None:
    """Write ``{"labels": [...], "videos": [...]}``, see `video_record`, whole or not at all."""
    with atomic_write(path) as file:
        file.write(json_text({"labels": list(labels), "videos": list(records)}).encode())


def write_csv(path: str | Path, records: Sequence[dict[str, Any]], labels: Sequence[str]) -> None:
    """Write one line a box with the `COLUMNS`, in UTF-8, whole or not at all.

    ``labels`` are not used: each line has its own.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for record in records:
        writer.writerows(record_rows(record))
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())


def write_cvat_xml(
    path: str | Path, records: Sequence[dict[str, Any]], labels: Sequence[str]
) -> None:
    """Write one video's tubes for CVAT, where they can be corrected, whole or not at all.

    See ``convert_annotations``, which reads such a file too.
    """
    (record,) = records
    tubes = [
        Tube(np.array(t["frames"]), np.array(t["boxes"], np.float32), t["class"], t["score"])
        for t in record["tubes"]
    ]
    video = VideoAnnotation(record["num_frames"], record["height"], record["width"], tuple(tubes))
    name = os.path.basename(record["video"])
    name = os.path.splitext(name)[0] if is_video_name(name) else name
    found = TubeAnnotations(tuple(labels), {name: video}, ())
    with atomic_write(path) as file:
        file.write(write_cvat(found, name, tolerance=0.0, scored=True))


def _seconds(time: float) -> float:
    return round(float(time), 4)
