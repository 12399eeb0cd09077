"""Finding videos, and the frames in a folder, whatever their names' fashion."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ..errors import InputError

VIDEO_EXTENSIONS = tuple(
    ".mp4 .avi .mkv .mov .webm .mpg .mpeg .m4v .ts .mts .m2ts .wmv .flv .3gp .ogv".split()
)
_FRAME = re.compile(r"(?!\.)(?P<prefix>.*?)(?P<digits>\d+)(?P<extension>\.(jpe?g|png))", re.I)
_EXAMPLES = "00001.jpg, img_00001.jpg, 000000.png"
# Where a folder holds several series, as beside optical flow, the first of these is the video's.
_USUAL_PREFIXES = ("", "img_", "image_", "frame_")
_NAMED = 3  # examples in a message


class FrameNames(NamedTuple):
    """How the picture files of a folder are called.

    Attributes:
        prefix: before the number.
        digits: the least number of digits.
        extension: with its dot.
        first: the number in the name of frame 1: 0 or 1.
    """

    prefix: str
    digits: int
    extension: str
    first: int

    def of(self, number: int) -> str:
        """The file name of a frame, by its 1-based number."""
        return f"{self.prefix}{number - 1 + self.first:0{self.digits}d}{self.extension}"


def frame_names(folder: str) -> FrameNames:
    """How the frames in a folder are called: ``00001.jpg``, ``img_00001.jpg``, ``000000.png``, ...

    Where there are several series, that without a prefix, or with a usual one, is meant.

    Raises:
        InputError: saying what is there, if there is no numbered picture, or it is not clear which
            series is meant, or it starts neither with 0 nor with 1.
    """
    for extension in (".jpg", ".png"):  # the usual names need no listing
        if os.path.isfile(os.path.join(folder, f"00001{extension}")):
            if not os.path.isfile(os.path.join(folder, f"00000{extension}")):
                return FrameNames("", 5, extension, 1)
    series = _series(folder)
    if not series:
        raise InputError(
            f"{folder} holds no numbered pictures ({_EXAMPLES}); it {describe(folder)}"
        )
    usual = [key for prefix in _USUAL_PREFIXES for key in series if key[0].lower() == prefix]
    if len(series) > 1 and (not usual or (len(usual) > 1 and usual[0][0] == usual[1][0])):
        names = [f"{prefix}*{end} ({len(found)})" for (prefix, end), found in series.items()]
        raise InputError(f"{folder} holds several series of pictures: {', '.join(names)}; keep one")
    prefix, extension = usual[0] if usual else next(iter(series))
    first = min(series[prefix, extension], key=int)
    if int(first) > 1:
        raise InputError(
            f"{folder}: the first frame is {prefix}{first}{extension}; frames are numbered from 0 "
            "or 1"
        )
    return FrameNames(prefix, len(first), extension, int(first))


def count_frames(folder: str, names: FrameNames) -> int:
    """How many frames the folder holds.

    Raises:
        InputError: naming the first that is missing.
    """
    numbers = [int(digits) for digits in _series(folder)[names.prefix, names.extension]]
    count = max(numbers) + 1 - names.first
    check_frames(folder, count)
    return count


def check_frames(folder: str, num_frames: int) -> None:
    """Check that a folder lists the frames 1 .. ``num_frames``; none is opened.

    Raises:
        InputError: naming the first that is missing; see `frame_names`.
    """
    names, found = frame_names(folder), set(_entries(folder))
    for number in range(1, num_frames + 1):
        if names.of(number) not in found:
            raise InputError(f"{folder}: frame {number} ({names.of(number)}) is missing")


def find_frames(root: str, video_id: str) -> str | None:
    """Where ``root`` keeps a video: the folder ``video_id``, or else a video file of that name.

    The id may carry a video's extension or not. Where nothing has exactly the name, capitals and
    small letters are the same.

    Returns:
        What ``open_frames`` takes, or None if there is neither.

    Raises:
        InputError: if the name leads out of ``root``, or several differ only in capitals.
    """
    base = os.path.join(root, video_id)
    if not os.path.abspath(base).startswith(os.path.join(os.path.abspath(root), "")):
        raise InputError(f"the video name '{video_id}' leads out of {root}")
    stem = _without_extension(base)
    if base != stem and os.path.isfile(base):
        return base
    for candidate in (base, stem):
        if os.path.isdir(candidate):
            return candidate
    files = (stem + extension for extension in VIDEO_EXTENSIONS)
    exact = next((file for file in files if os.path.isfile(file)), None)
    return exact or _find_whatever_case(root, _without_extension(os.path.normpath(video_id)))


def list_videos(root: str) -> list[str]:
    """All videos in a folder and below: video files, and folders of frames without any.

    Returns:
        What ``open_frames`` takes, sorted.
    """
    found = []
    for folder, folders, files in os.walk(root):
        folders.sort()
        videos = [name for name in files if is_video_name(name) and not name.startswith(".")]
        found += [os.path.join(folder, name) for name in videos]
        if not videos and any(_FRAME.fullmatch(name) for name in files):
            found.append(folder)
    return sorted(found)


def is_video_name(name: str) -> bool:
    """Whether a file of that name should be a video."""
    return os.path.splitext(name)[1].lower() in VIDEO_EXTENSIONS


def describe(folder: str) -> str:
    """What a folder holds, for messages that name it: "holds 2 video files (a.mp4, b.mp4)"."""
    if not os.path.isdir(folder):
        return "is no folder"
    entries = [name for name in _entries(folder) if not name.startswith(".")]
    videos = [name for name in entries if is_video_name(name)]
    folders = [name for name in entries if os.path.isdir(os.path.join(folder, name))]
    others = [name for name in entries if name not in {*videos, *folders}]
    parts = [
        f"{len(names)} {kind}{'s' * (len(names) != 1)} ({_some(names)})"
        for kind, names in (("video file", videos), ("folder", folders), ("other file", others))
        if names
    ]
    return f"holds {', '.join(parts) or 'nothing'}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + ", ..." * (len(names) > _NAMED)


def _without_extension(path: str) -> str:
    return os.path.splitext(path)[0] if is_video_name(path) else path


def _find_whatever_case(root: str, name: str) -> str | None:
    """``name`` below ``root``, part by part, with capitals and small letters the same."""
    *parents, last = name.split(os.sep)
    folder = root
    for parent in parents:
        if not os.path.isdir(os.path.join(folder, parent)):
            parent = _only(folder, parent, _same(folder, parent, is_folder=True))
            if parent is None:
                return None
        folder = os.path.join(folder, parent)
    for is_folder in (True, False):
        found = _only(folder, last, _same(folder, last, is_folder))
        if found is not None:
            return os.path.join(folder, found)
    return None


def _same(folder: str, name: str, is_folder: bool) -> Iterator[str]:
    """Folders, or video files without their extension, that ``name`` may mean."""
    for entry in _entries(folder):
        stem = entry if is_folder else _without_extension(entry)
        if stem.casefold() == name.casefold() and (is_folder or stem != entry):
            if os.path.isdir(os.path.join(folder, entry)) == is_folder:
                yield entry


def _only(folder: str, name: str, found: Iterator[str]) -> str | None:
    names = list(found)
    if len(names) > 1:
        raise InputError(f"'{name}' may be any of {', '.join(names)} in {folder}; keep one")
    return names[0] if names else None


def _series(folder: str) -> dict[tuple[str, str], list[str]]:
    """The numbers of the pictures as they are written, by prefix and extension."""
    series = defaultdict(list)
    for match in filter(None, map(_FRAME.fullmatch, _entries(folder))):
        series[match["prefix"], match["extension"]].append(match["digits"])
    return dict(series)


def _entries(folder: str) -> tuple[str, ...]:
    """The folder's names, sorted; none where there is no folder."""
    try:
        return _listing(folder, os.stat(folder).st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return ()


@lru_cache(maxsize=64)
def _listing(folder: str, changed_ns: int) -> tuple[str, ...]:
    return tuple(sorted(os.listdir(folder)))
