"""Any annotation file, by what is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...errors import InputError
from ...safe_json import read_json
from ...safe_pickle import load_plain_pickle
from ...structures import TubeAnnotations
from ..annotations import load_annotations
from .ava import read_ava
from .coco_video import read_coco_video
from .cvat import read_cvat
from .members import find_members
from .mot import read_mot
from .report import Report
from .settings import FormatSettings
from .tracks import Reading, Track, VideoTracks
from .ucf_corrected import read_ucf_corrected


def read_path(path: str, settings: FormatSettings, report: Report) -> list[Reading]:
    """Read a file, or all annotation files of a folder or a zip file.

    ``.xml`` is CVAT for video 1.1, ``.csv`` AVA's, ``.txt`` MOT (within folders and zip files only
    ``gt.txt``), ``.json`` ours or COCO's, ``.pkl`` ACT's or the corrected UCF101-24's. A folder or
    a zip file has CVAT's or MOT's files.

    Raises:
        InputError: if there is nothing, or no annotation file, or one that cannot be used.
    """
    if not os.path.exists(path):
        raise InputError(f"no annotations at {path}")
    ending = os.path.splitext(path)[1].lower()
    if ending in (".pkl", ".json") and os.path.isfile(path):
        return [_read_whole(path, ending, settings, report)]
    is_container = os.path.isdir(path) or ending == ".zip"
    readings = list(_read_members(path, "gt.txt" if is_container else "*.txt", settings, report))
    if not readings:
        raise InputError(
            f"{path} holds no annotations that are known: .xml of CVAT, gt.txt of MOT, .csv of "
            "AVA, .json of COCO or our own, .pkl of ACT or UCF101-24"
        )
    return readings


def _read_members(
    path: str, texts: str, settings: FormatSettings, report: Report
) -> Iterator[Reading]:
    readers = {"xml": read_cvat, "txt": read_mot, "csv": read_ava}
    for member in find_members(path, "*.xml", "*.csv", texts):
        yield readers[member.path.lower().rpartition(".")[2]](member, settings, report)


def _read_whole(path: str, ending: str, settings: FormatSettings, report: Report) -> Reading:
    if ending == ".pkl":
        data = load_plain_pickle(path)
        if isinstance(data, dict) and "gttubes" in data:
            return _from_annotations(load_annotations(path), path)
        return read_ucf_corrected(data, path, report)
    data = read_json(path)
    if isinstance(data, dict) and "annotations" in data and "images" in data:
        return read_coco_video(data, path, settings, report)
    return _from_annotations(load_annotations(path), path)


def _from_annotations(annotations: TubeAnnotations, source: str) -> Reading:
    videos = []
    for name, video in annotations.videos.items():
        tracks = [
            Track(
                f"{name}: tube {number}",
                annotations.labels[tube.label],
                tube.frames,
                tube.boxes,
                tube.score,
            )
            for number, tube in enumerate(video.tubes)
        ]
        videos.append(VideoTracks(name, video.num_frames, video.height, video.width, tracks))
    return Reading(source, list(annotations.labels), videos, annotations.splits)
