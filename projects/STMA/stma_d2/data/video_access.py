"""Reaching any frame of a video file from the nearest key frame before it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain

import av
import numpy as np

from ..errors import InputError
from .video_file import Picture, VideoDecoder, timestamp
from .video_index import VideoIndex

# So many key frames back decoding starts, until the frame turns up: program streams are sought
# coarsely, and a recovery point shows the right pixels only some frames later.
_KEY_FRAMES_TRIED = (1, 2, 4, 8)


class RandomAccess:
    """Decodes frames in any order; each equals that of decoding from the file's start.

    A frame is sought from the nearest key frame, and taken if its timestamp and the checksum of its
    pixels are those of the index. So nothing rests on how well a container seeks, or on what a
    codec calls a key frame. Where a frame does not turn up so, frames are counted from the start,
    from then on.

    Reading on from the last frame decodes nothing twice.
    """

    def __init__(self, path: str, index: VideoIndex) -> None:
        """Open nothing yet; ``index`` is that of the file at ``path``."""
        self.index = index
        self._path = path
        self._can_seek = bool(np.all(np.diff(index.stamps[~index.damaged]) > 0))
        self._decoder: VideoDecoder | None = None  # its frames are ``_frames``
        self._frames: Iterator[av.VideoFrame] = iter(())
        self._last: av.VideoFrame | None = None
        self._counting: VideoDecoder | None = None  # its pictures are ``_pictures``
        self._pictures: Iterator[tuple[int, Picture]] = iter(())
        self._counted: tuple[int, Picture] | None = None

    def read(self, number: int) -> np.ndarray:
        """(height, width, 3) uint8 BGR of a frame 1 .. ``len(index)``.

        Raises:
            InputError: if the file is no longer that of the index.
        """
        if self._can_seek:
            pixels = self._sought(number)
            if pixels is not None:
                return pixels
            self._can_seek = False
        return self._from_start(number)

    def _sought(self, number: int) -> np.ndarray | None:
        stamp = self.index.stamps[number - 1]
        before = self.index.keys[self.index.keys[:, 0] <= stamp]
        if self._last is not None:
            here = timestamp(self._last)
            if here <= stamp and (not len(before) or before[-1, 0] <= here):
                pixels = self._search(number)
                if pixels is not None:
                    return pixels
        for back in (back for back in _KEY_FRAMES_TRIED if back <= len(before)):
            if self._decoder is None:
                self._decoder = VideoDecoder(self._path)
            self._frames, self._last = self._decoder.frames_from(before[-back, 1]), None
            pixels = self._search(number)
            if pixels is not None:
                return pixels
        return None

    def _search(self, number: int) -> np.ndarray | None:
        """Decode on until the frame comes; None if another comes in its place."""
        stamp, checksum = self.index.stamps[number - 1], self.index.checksums[number - 1]
        for frame in chain([self._last] if self._last else [], self._frames):
            self._last = frame
            if timestamp(frame) >= stamp:
                pixels = self._decoder.pixels(frame)
                found = timestamp(frame) == stamp and zlib.crc32(pixels) == checksum
                return pixels if found else None
        return None

    def _from_start(self, number: int) -> np.ndarray:
        if self._counted is None or number < self._counted[0]:
            self._counting = VideoDecoder(self._path)
            self._pictures, self._counted = enumerate(self._counting, start=1), None
        while self._counted is None or self._counted[0] < number:
            self._counted = next(self._pictures, None)
            if self._counted is None:
                raise InputError(f"{self._path} changed while it was read; start again")
        return self._counting.pixels(self._counted[1].frame)
