"""Annotations in MOT text: one box a line, in the folders or the zip file of a tracking data set.

Follows MOTChallenge's file format (https://motchallenge.net/instructions; Milan et al., 2016,
arXiv:1603.00831) as CVAT exports and imports it under the name "MOT 1.1"
(https://docs.cvat.ai/docs/dataset_management/formats/format-mot)::

    gt/gt.txt       frame, track id, left, top, width, height, 1, class, visibility
    gt/labels.txt   class names, one a line; class 1 is the first
    seqinfo.ini     the sequence's name, seqLength, imWidth, imHeight

- Frames count from 1, as ours do.
- Left and top are edges counted from 0 in what CVAT writes; MOTChallenge's own files count pixels
  from 1 (``first_pixel``). A box w wide covers w columns: x2 = x1 + w - 1.
- The seventh column is 0 where a line is not to be considered; of a model's tubes it is the score.
- The class is a number of ``labels.txt``, or a name. A track whose class changes is several tubes.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from ...errors import InputError
from ...plain_values import decimal, whole_decimal
from ...structures import TubeAnnotations
from .label_list import decode, read_label_list
from .members import Member
from .report import Report
from .settings import FormatSettings
from .tracks import Reading, Track, VideoTracks, from_sizes, to_sizes

_COLUMNS = "frame, id, left, top, width, height, confidence, class"


def read_mot(member: Member, settings: FormatSettings, report: Report) -> Reading:
    """Read one sequence.

    Args:
        member: its ``gt.txt``.
        settings: ``first_pixel`` and ``labels_file`` are used.
        report: gets what is left out.

    Returns:
        One video, named by ``seqinfo.ini``, or else by where the file lies.

    Raises:
        InputError: naming the file and the line, if a value is not of its kind, or the names of
            numbered classes are nowhere.
    """
    video = _sequence(member)
    beside = member.beside("labels.txt")
    if settings.labels_file is not None:
        beside = Member(settings.labels_file)
    labels = read_label_list(beside) if beside.exists() else {}
    rows: dict[tuple[int, str], dict[int, list[float]]] = {}
    for frame, track, label, box in _rows(member, labels, video.name, report):
        boxes = rows.setdefault((track, label), {})
        if frame in boxes:
            report.drop("a second box of the same track and class on a frame", video.name)
        else:
            boxes[frame] = box
    for (track, label), boxes in sorted(rows.items(), key=lambda row: row[0][0]):
        frames = np.array(sorted(boxes), np.int64)
        sizes = np.array([boxes[frame] for frame in frames.tolist()]).reshape(-1, 4)
        sizes[:, :2] -= settings.first_pixel
        name = f"{video.name}: track {track}"
        video.tracks.append(Track(name, label, frames, from_sizes(sizes)))
    return Reading(member.source, list(labels.values()), [video])


def _rows(
    member: Member, labels: dict[int, str], video: str, report: Report
) -> Iterator[tuple[int, int, str, list[float]]]:
    """Frame, track, label, and left, top, width, height of each line that counts."""
    for number, line in enumerate(decode(member).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{member.source}, line {number}"
        values = [value.strip() for value in line.split(",")]
        if len(values) < 8:
            raise InputError(f"{where}: {len(values)} columns; expected are {_COLUMNS}, ...")
        frame, track = (whole_decimal(values[i], f"{where}, column {i + 1}") for i in (0, 1))
        box = [decimal(values[i], f"{where}, column {i + 1}") for i in range(2, 6)]
        if decimal(values[6], f"{where}, column 7") == 0:
            report.drop("a line that its seventh column excludes", f"{video}: track {track}")
            continue
        yield frame, track, _label(values[7], labels, where), box


def _label(value: str, labels: dict[int, str], where: str) -> str:
    if not value.lstrip("+-").isdecimal():
        if not value:
            raise InputError(f"{where}: column 8 is empty; it must be the class")
        return value
    number = whole_decimal(value, f"{where}, column 8")
    if number not in labels:
        known = f"has 1 to {len(labels)}" if labels else "is missing"
        raise InputError(
            f"{where}: class {number}, but labels.txt {known}; put one name a line beside gt.txt, "
            "or name a file by --labels"
        )
    return labels[number]


def _sequence(member: Member) -> VideoTracks:
    """What ``seqinfo.ini`` says, beside the file or above its folder."""
    files = [member.beside("../seqinfo.ini"), member.beside("seqinfo.ini")]
    file = next((file for file in files if file.exists()), None)
    if file is None:
        return VideoTracks(member.title)
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(decode(file), file.source)
        section = dict(parser.items("Sequence"))
    except configparser.Error as error:
        message = " ".join(str(error).split())
        raise InputError(f"{file.source}: not a sequence's description ({message})") from error
    numbers = [
        whole_decimal(section[key], f"{file.source}: {key}") if key in section else None
        for key in ("seqlength", "imheight", "imwidth")
    ]
    return VideoTracks(section.get("name") or member.title, *numbers)


def write_mot(annotations: TubeAnnotations, name: str, scored: bool) -> bytes:
    """The zip file of one video, as CVAT imports it.

    Args:
        annotations: with that video.
        name: of the video.
        scored: the tubes are a model's: the seventh column is the score.

    Raises:
        InputError: if the name begins or ends with a space, which ``seqinfo.ini`` cannot hold.
    """
    if name != name.strip():
        raise InputError(f"MOT cannot hold the video name {name!r}; rename it")
    video = annotations.videos[name]
    lines = []
    for number, tube in enumerate(video.tubes, start=1):
        flag = repr(float(tube.score)) if scored else "1"
        for frame, box in zip(tube.frames.tolist(), to_sizes(tube.boxes).tolist(), strict=True):
            sides = ",".join(map(repr, box))
            lines.append((frame, f"{frame},{number},{sides},{flag},{tube.label + 1},1.0\n"))
    lines.sort(key=lambda line: line[0])
    sequence = {
        "name": name,
        "imDir": "img1",
        "seqLength": video.num_frames,
        "imWidth": video.width,
        "imHeight": video.height,
    }
    described = "".join(f"{key}={value}\n" for key, value in sequence.items())
    content = BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for path, text in (
            ("gt/gt.txt", "".join(line for _, line in lines)),
            ("gt/labels.txt", "".join(f"{label}\n" for label in annotations.labels)),
            ("seqinfo.ini", f"[Sequence]\n{described}"),
        ):
            archive.writestr(ZipInfo(path), text.encode(), ZIP_DEFLATED)
    return content.getvalue()
