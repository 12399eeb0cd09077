"""Frames of a video, read once where chunks of it are read one after the other."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from .readers import FrameReader, open_frames


class RecentFrames:
    """Reads frames and keeps those of the last call for a next one further on in the video.

    Neighboring chunks of a video share frames. Read in order, each frame is decoded once, and a
    video file is decoded once. Any other call reads everything anew. No more is kept than the
    caller holds.
    """

    def __init__(self, conceal_damage: bool = False) -> None:
        """Keep nothing yet; ``conceal_damage`` is that of `open_frames`."""
        self._conceal_damage = conceal_damage
        self._source: tuple[int, str, tuple[int, int], int] | None = None  # see `read`
        self._reader: FrameReader | None = None
        self._frames: dict[int, np.ndarray] = {}

    def read(
        self, path: str, size: tuple[int, int], frame_numbers: Sequence[int], reduction: int = 1
    ) -> list[np.ndarray]:
        """Read frames of one video.

        Args:
            path: what `open_frames` takes.
            size: height and width that each frame must have.
            frame_numbers: 1-based, ascending.
            reduction: 1, 2, 4 or 8, see `FrameReader.read`.

        Returns:
            one (height, width, 3) uint8 BGR array a number, perhaps reduced; not to be changed.

        Raises:
            InputError: see `FrameReader.read`.
        """
        # The process: a forked one must not share an open file.
        source = (os.getpid(), path, size, reduction)
        if source != self._source or not self._goes_on(frame_numbers):
            # Damage ends the work on a data set, whose videos are read many times. A user's video,
            # where it is concealed, is read once, and nothing is left beside it.
            keep = not self._conceal_damage
            self._reader = open_frames(path, size, self._conceal_damage, keep_index=keep)
            self._frames, self._source = {}, source
        missing = [number for number in frame_numbers if number not in self._frames]
        read = self._reader.read(missing, reduction)
        frames = self._frames | dict(zip(missing, read, strict=True))
        self._frames = {number: frames[number] for number in frame_numbers}
        return list(self._frames.values())

    def _goes_on(self, frame_numbers: Sequence[int]) -> bool:
        """Whether the frames follow on the last call's (the same again may be another video)."""
        if not self._frames:
            return False
        ends, last = (frame_numbers[0], frame_numbers[-1]), (min(self._frames), max(self._frames))
        return ends != last and ends[0] >= last[0] and ends[1] >= last[1]
