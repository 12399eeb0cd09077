"""Facts about videos that annotation files leave out, taken from the videos themselves."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ..finder import find_frames
from ..readers import open_frames


@dataclass(frozen=True)
class VideoFacts:
    """What a video is.

    Attributes:
        num_frames: that it decodes to.
        height: of its frames, in pixels.
        width: likewise.
    """

    num_frames: int
    height: int
    width: int


def measure(folder: str, name: str) -> VideoFacts:
    """Count a video's frames and take their size.

    Raises:
        InputError: if the folder has no such video, or it cannot be decoded.
    """
    reader = open_frames(_find(folder, name))
    (first,) = reader.read([1])
    return VideoFacts(reader.count(), *first.shape[:2])


def frame_times(folder: str, name: str) -> np.ndarray:
    """When each frame of a video file is shown, (n,) float64 seconds.

    Raises:
        InputError: if the folder has no such video, it cannot be decoded, or it is a folder of
            frames, which have no times.
    """
    path = _find(folder, name)
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder of frames, which have no times; give --fps")
    return np.array([frame.time for frame in open_frames(path).timed()], np.float64)


def _find(folder: str, name: str) -> str:
    path = find_frames(folder, name)
    if path is None:
        raise InputError(
            f"no video '{name}' in {folder}: neither a folder of frames nor a video file; rename "
            "it, or leave its annotations out"
        )
    return path
