"""Annotations in AVA's CSV: boxes on key frames, joined to tubes by the entity that they name.

Follows AVA Actions v2.2 (Gu et al., 2018, arXiv:1705.08421;
https://research.google.com/ava/download.html) and AVA ActiveSpeaker v1.0, which has the same
columns in the same order under a line of names; an action is a number or a name::

    video_id, timestamp, x1, y1, x2, y2, action, entity

- The time is in seconds. A key frame is the frame whose own time is nearest; frames are not
  numbered in the file. ``start_seconds`` is subtracted first: AVA's videos are cut from 900 on.
- x and y are fractions of the frame's width and height, edges: x1 = x1 * width,
  x2 = x2 * width - 1. The videos are needed to know the size.
- Boxes of one entity and action on neighboring key frames (at most 1.5 ``key_frame_interval``
  apart) make one tube, with boxes on straight lines between them. It begins with its first key
  frame and ends with its last one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np

from ...errors import InputError
from ...plain_values import decimal, whole_decimal
from .label_list import decode, read_label_list
from .members import Member
from .report import Report
from .settings import FormatSettings
from .tracks import Reading, Track, VideoTracks, check_extent, from_edges, interpolate
from .videos import frame_times, measure

# Of the frame; boxes may leave it a little, and pixels are far more.
_FRACTIONS = (-0.5, 1.5)
_COLUMNS = "video, timestamp, x1, y1, x2, y2, action, entity"


def read_ava(member: Member, settings: FormatSettings, report: Report) -> Reading:
    """Read one CSV file.

    Args:
        member: the file.
        settings: ``videos`` is needed; ``labels_file``, ``fps``, ``start_seconds`` and
            ``key_frame_interval`` are used.
        report: gets what is left out.

    Raises:
        InputError: naming the file and the line, if a value is not of its kind; if a video is
            missing, or the names of numbered actions are nowhere.
    """
    source = member.source
    if settings.videos is None:
        raise InputError(
            f"{source} has boxes as fractions of the frame and times in seconds; name the folder "
            "of the videos by --videos"
        )
    labels = read_label_list(Member(settings.labels_file)) if settings.labels_file else {}
    rows: dict[str, dict[tuple[str, str], list[list[float]]]] = {}
    for video, entity, action, values in _rows(member, labels, report):
        rows.setdefault(video, {}).setdefault((entity, action), []).append(values)
    reading = Reading(source, list(labels.values()))
    for video, by_entity in rows.items():
        facts = measure(settings.videos, video)
        found = VideoTracks(video, facts.num_frames, facts.height, facts.width)
        if settings.fps is None:
            times = frame_times(settings.videos, video)
        else:
            times = np.arange(facts.num_frames) / settings.fps
        scale = (facts.width, facts.height, facts.width, facts.height)
        for (entity, action), values in by_entity.items():
            name = f"{video}: entity {entity}"
            table = np.array(values, np.float64)
            table[:, 0] -= settings.start_seconds
            for part in _joined(_placed(table, times, name, report), settings.key_frame_interval):
                key_frames = part[:, 5].astype(np.int64)
                check_extent(int(key_frames[-1] - key_frames[0]), source)
                frames = np.arange(key_frames[0], key_frames[-1] + 1)
                edges = interpolate(frames, key_frames, part[:, 1:5] * scale)
                found.tracks.append(Track(name, action, frames, from_edges(edges)))
        reading.videos.append(found)
    return reading


def _rows(
    member: Member, labels: dict[int, str], report: Report
) -> Iterator[tuple[str, str, str, list[float]]]:
    """Video, entity, action, and time and box of each line that counts."""
    lines = csv.reader(decode(member).splitlines(), skipinitialspace=True, strict=True)
    while True:
        try:
            row = next(lines, None)
        except csv.Error as error:
            raise InputError(f"{member.source}, line {lines.line_num}: {error}") from error
        if row is None:
            return
        where = f"{member.source}, line {lines.line_num}"
        if not any(value.strip() for value in row):
            continue
        if len(row) != 8:
            raise InputError(f"{where}: {len(row)} columns; expected are {_COLUMNS}")
        if lines.line_num == 1 and row[1].strip().isidentifier():
            continue  # the columns' names
        video, entity = row[0].strip(), row[7].strip()
        values = [decimal(row[i], f"{where}, column {i + 1}") for i in range(1, 6)]
        for column, value in enumerate(values[1:], start=3):
            if not _FRACTIONS[0] <= value <= _FRACTIONS[1]:
                raise InputError(
                    f"{where}, column {column}: {value:g} is no fraction of the frame, 0 to 1; "
                    "divide x by the video's width and y by its height"
                )
        if not entity:
            report.drop("a line without an entity, which nothing can be joined to", video)
            continue
        yield video, entity, _action(row[6].strip(), labels, where), values


def _action(value: str, labels: dict[int, str], where: str) -> str:
    if not value.isdecimal():
        if not value:
            raise InputError(f"{where}: column 7 is empty; it must be the action")
        return value
    number = whole_decimal(value, f"{where}, column 7")
    if number not in labels:
        raise InputError(
            f"{where}: action {number} has no name; name the list of actions by --labels (AVA's "
            ".pbtxt, or one name a line)"
        )
    return labels[number]


def _placed(table: np.ndarray, times: np.ndarray, name: str, report: Report) -> np.ndarray:
    """Rows of time and box (n, 5) -> with the 1-based frame (m, 6), each frame once, ascending."""
    table = table[np.argsort(table[:, 0], kind="stable")]
    left = np.maximum(np.searchsorted(times, table[:, 0], "right") - 1, 0)
    right = np.minimum(left + 1, len(times) - 1)
    nearer_left = table[:, 0] - times[left] <= times[right] - table[:, 0]
    index = np.where(nearer_left, left, right)
    # Half a frame beyond the last one, as far as a frame may be from its time elsewhere.
    margin = np.diff(times).max(initial=0.0) / 2 or 0.5
    inside = np.abs(times[index] - table[:, 0]) <= margin + 1e-6
    for _ in range(int((~inside).sum())):
        report.drop("a key frame at a time that the video does not have", name)
    table, index = table[inside], index[inside]
    index, first = np.unique(index, return_index=True)
    for _ in range(len(table) - len(first)):
        report.drop("a second box of the same entity and action on a frame", name)
    return np.column_stack([table[first], index + 1.0])


def _joined(rows: np.ndarray, interval: float) -> Iterator[np.ndarray]:
    """Runs of neighboring key frames."""
    ends = np.flatnonzero(np.diff(rows[:, 0]) > 1.5 * interval) + 1
    return (part for part in np.split(rows, ends) if len(part))
