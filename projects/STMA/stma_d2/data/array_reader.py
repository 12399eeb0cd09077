"""Frames that are in memory already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..errors import InputError
from .readers import DEFAULT_FPS, FrameReader, TimedFrame


class ArrayReader(FrameReader):
    """Takes an array of frames for a video."""

    def __init__(self, frames: np.ndarray | Sequence[np.ndarray], fps: float = DEFAULT_FPS) -> None:
        """Check the frames.

        Args:
            frames: (n, height, width, 3) uint8 BGR, or n such frames of one size; n at least 1.
            fps: frames a second.

        Raises:
            InputError: if they are something else.
        """
        shapes = {(frame.shape, frame.dtype) for frame in map(np.asarray, frames)}
        shape, dtype = next(iter(shapes), ((), None))
        if len(shapes) != 1 or len(shape) != 3 or shape[2] != 3 or dtype != np.uint8:
            found = ", ".join(f"{dtype} {shape}" for shape, dtype in shapes) or "none"
            raise InputError(
                "the frames must be one or more (height, width, 3) uint8 arrays, BGR, of one size; "
                f"they are: {found}"
            )
        if not fps > 0:
            raise InputError(f"fps is {fps}; it must be above 0")
        super().__init__("the array of frames", shape[:2])
        self._frames, self._fps = frames, fps

    def timed(self) -> Iterator[TimedFrame]:
        """All frames, evenly spaced."""
        for number, time in enumerate(self.times()[:-1], start=1):
            yield TimedFrame(self._read_one(number, 1), float(time), 1 / self._fps)

    def times(self) -> np.ndarray:
        """(frames + 1,) float64 seconds, evenly spaced."""
        return np.arange(self.count() + 1) / self._fps

    def count(self) -> int:
        """The number of frames."""
        return len(self._frames)

    def _read_one(self, number: int, reduction: int) -> np.ndarray:
        if number > self.count():
            raise InputError(f"{self.path}: frame {number} was asked for; there are {self.count()}")
        return np.asarray(self._frames[number - 1]).view()
