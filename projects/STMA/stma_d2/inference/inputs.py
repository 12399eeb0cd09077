"""The videos that a demo's ``--input`` names: files, folders, patterns, cameras, streams."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from glob import glob, has_magic

from ..data import describe, list_videos
from ..data.finder import is_video_name
from ..errors import InputError
from .sources import is_live, shown_name


def expand_inputs(names: Sequence[str]) -> list[str]:
    """What to work on, each once, in the order of the names.

    A folder of pictures is one video; any other stands for all videos in it and below, as does a
    pattern such as ``clips/*.mp4`` or ``**/*.mp4`` for those that it fits.

    Raises:
        InputError: if a name stands for nothing, saying what is there; or a camera or stream is
            not the only input.
    """
    inputs = list(dict.fromkeys(path for name in names for path in _expand(name)))
    live = [name for name in inputs if is_live(name)]
    if live and len(inputs) > 1:
        raise InputError(f"{shown_name(live[0])} is live and never ends by itself; give it alone")
    return inputs


def short_name(source: str) -> str:
    """What a video is called in the names of outputs: without folders and extension."""
    if is_live(source):
        return f"camera{source}" if source.isdecimal() else "stream"
    name = os.path.basename(os.path.abspath(source))
    return os.path.splitext(name)[0] if os.path.isfile(source) else name


def _expand(name: str) -> Iterator[str]:
    if is_live(name) or os.path.isfile(name):
        yield name
    elif os.path.isdir(name):
        yield from _in_folder(name)
    elif has_magic(name):
        yield from _fitting(name)
    else:
        if os.path.lexists(name):
            raise InputError(f"the input {name} is a pipe, a device or a link to nothing, no file")
        folder = os.path.dirname(os.path.abspath(name))
        raise InputError(f"the input {name} is not there; {folder} {describe(folder)}")


def _in_folder(folder: str) -> list[str]:
    videos = list_videos(folder)
    if not videos:
        raise InputError(
            f"the input {folder} holds no video and no folder of frames; it {describe(folder)}"
        )
    return videos


def _fitting(pattern: str) -> Iterator[str]:
    found = sorted(glob(pattern, recursive=True))
    videos = [path for path in found if os.path.isdir(path) or is_video_name(path)]
    if not videos:
        others = f"none of the {len(found)} that fit is a video" if found else "nothing fits"
        raise InputError(f"the input '{pattern}': {others}")
    for path in videos:
        yield from list_videos(path) if os.path.isdir(path) else [path]
