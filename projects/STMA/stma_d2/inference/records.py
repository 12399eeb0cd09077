"""Tubes of videos as JSON and CSV files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files import atomic_write
from ..structures import Tube

CSV_COLUMNS = "video tube_id label score frame seconds x1 y1 x2 y2".split()


class VideoTubes(NamedTuple):
    """What was found in one video.

    Attributes:
        video: its name: the path, or a camera.
        width: of its frames, pixels.
        height: likewise.
        times: (frames + 1,) seconds, when each frame appears and the last one ends.
        tubes: with boxes in the video's pixels; the n-th has the tube id n, from 1 on.
    """

    video: str
    width: int
    height: int
    times: np.ndarray
    tubes: Sequence[Tube]


def video_record(found: VideoTubes, labels: Sequence[str]) -> dict[str, Any]:
    """One video as plain values for JSON.

    Frames count from 1, seconds from the first frame's appearance; a tube ends when its last frame
    does. Boxes are x1, y1, x2, y2 in the video's pixels, from 0.
    """
    times = found.times - found.times[0]
    return {
        "video": found.video,
        "width": found.width,
        "height": found.height,
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
                "seconds": [_seconds(times[frame - 1]) for frame in tube.frames],
                "boxes": [_box(box) for box in tube.boxes],
            }
            for number, tube in enumerate(found.tubes, start=1)
        ],
    }


def write_json(path: str | Path, videos: Sequence[VideoTubes], labels: Sequence[str]) -> None:
    """Write ``{"labels": [...], "videos": [...]}``, see `video_record`, whole or not at all."""
    content = {
        "labels": list(labels),
        "videos": [video_record(found, labels) for found in videos],
    }
    with atomic_write(path) as file:
        file.write(json.dumps(content, ensure_ascii=False, allow_nan=False).encode())


def write_csv(path: str | Path, videos: Sequence[VideoTubes], labels: Sequence[str]) -> None:
    """Write one line a box with the columns `CSV_COLUMNS`, whole or not at all.

    The file is UTF-8; values are those of `video_record`.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for found in videos:
        writer.writerows(_rows(video_record(found, labels)))
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())


def _rows(record: dict[str, Any]) -> Iterator[list[Any]]:
    for tube in record["tubes"]:
        for frame, seconds, box in zip(tube["frames"], tube["seconds"], tube["boxes"], strict=True):
            yield [record["video"], tube["id"], tube["label"], tube["score"], frame, seconds, *box]


def _seconds(time: float) -> float:
    return round(float(time), 4)


def _box(box: np.ndarray) -> list[float]:
    return [round(float(value), 2) for value in box]
