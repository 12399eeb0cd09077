"""Annotations and a model's tubes, written for other programs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ...errors import InputError
from ...files import atomic_folder, atomic_write
from ...structures import TubeAnnotations
from ..annotations import save_annotations
from .coco_video import write_coco_video
from .cvat_writer import write_cvat
from .mot import write_mot
from .report import Report

# The endings of a format's files; what CVAT and MOT hold is one video a file.
ENDINGS = {"json": ".json", "act": ".pkl", "cvat": ".xml", "mot": ".zip", "coco": ".json"}
_ONE_VIDEO = ("cvat", "mot")


def format_of(path: str, wanted: str | None, num_videos: int | None = None) -> str:
    """The format to write.

    Args:
        path: the output; a folder for CVAT or MOT of several videos.
        wanted: a key of `ENDINGS`; None: by the path's ending.
        num_videos: that will be written; None: not known yet.

    Raises:
        InputError: if the path does not fit the format or the number of videos.
    """
    ending = os.path.splitext(path)[1].lower()
    by_ending = {".json": "json", ".pkl": "act", ".xml": "cvat", ".zip": "mot"}
    kind = wanted or by_ending.get(ending)
    if kind is None:
        raise InputError(
            f"the output {path} ends in none of {', '.join(by_ending)}; for a folder of files, one "
            "a video, give --to cvat or --to mot"
        )
    if kind in _ONE_VIDEO and ending == "":
        if os.path.exists(path):
            raise InputError(f"the output folder {path} exists; name a new one")
    elif ending != ENDINGS[kind]:
        raise InputError(f"the output {path} must end in {ENDINGS[kind]} for --to {kind}")
    elif kind in _ONE_VIDEO and num_videos not in (None, 1):
        raise InputError(
            f"{num_videos} videos do not go into one file {path}; name a folder and --to {kind}"
        )
    return kind


def write_annotations(
    annotations: TubeAnnotations,
    path: str,
    kind: str,
    tolerance: float,
    report: Report,
) -> None:
    """Write annotations, or a model's tubes, whole or not at all.

    Tubes with scores other than 1 are a model's.

    Args:
        annotations: what to write.
        path: file or folder, see `format_of`.
        kind: a key of `ENDINGS`.
        tolerance: CVAT: pixels that a box may be off between key frames.
        report: gets what the format cannot hold.

    Raises:
        InputError: if the path does not fit, or a name cannot be written.
    """
    format_of(path, kind, len(annotations.videos))
    scored = any(t.score != 1.0 for video in annotations.videos.values() for t in video.tubes)
    _note_losses(annotations, kind, scored, report)
    writers: dict[str, Callable[[str], bytes]] = {
        "cvat": lambda name: write_cvat(annotations, name, tolerance, scored),
        "mot": lambda name: write_mot(annotations, name, scored),
    }
    if kind in ("json", "act"):
        save_annotations(annotations, path)
    elif kind == "coco":
        _write(path, write_coco_video(annotations, scored))
    elif os.path.splitext(path)[1]:
        (name,) = annotations.videos
        _write(path, writers[kind](name))
    else:
        _write_folder(Path(path), annotations, writers[kind], ENDINGS[kind])


def _write_folder(
    folder: Path, annotations: TubeAnnotations, writer: Callable[[str], bytes], ending: str
) -> None:
    with atomic_folder(folder) as unfinished:
        for name in annotations.videos:
            _write(f"{unfinished / name}{ending}", writer(name))


def _write(path: str, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write(content)


def _note_losses(annotations: TubeAnnotations, kind: str, scored: bool, report: Report) -> None:
    splits = annotations.splits
    several = len(splits) > 1 or any(
        (name in split.train) == (name in split.test)
        for split in splits
        for name in annotations.videos
    )
    if splits and (kind in ("mot", "coco") or (kind == "cvat" and several)):
        report.drop(f"{kind} cannot hold these splits", f"{len(splits)} in all")
    if scored and kind == "act":
        report.drop("act cannot hold scores", "all tubes")
