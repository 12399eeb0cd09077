"""Frames of a video, from a folder of images or from a video file."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .finder import FrameNames, count_frames, describe, find_frames, frame_names
from .image_file import EncodedImage, load_image
from .video_access import RandomAccess
from .video_file import VideoDecoder
from .video_index import VideoIndex, video_index

logger = logging.getLogger(__name__)

DEFAULT_FPS = 25.0  # of a folder of frames, which does not say


class TimedFrame(NamedTuple):
    """A frame and when it is shown.

    Attributes:
        pixels: (height, width, 3) uint8 BGR.
        time: seconds; all frames of a video count from the same moment.
        duration: seconds that it is meant to last; the next frame may come sooner or later.
    """

    pixels: np.ndarray
    time: float
    duration: float


def open_frames(
    path: str | FrameReader,
    size: tuple[int, int] | None = None,
    conceal_damage: bool = False,
    *,
    keep_index: bool = False,
    fps: float = DEFAULT_FPS,
) -> FrameReader:
    """A reader for the frames of one video.

    Nothing is decoded yet. The reader may be pickled; the copy opens the video anew.

    Args:
        path: a folder of frames, see `frame_names`, or a video file; a reader is returned as it is.
        size: (height, width) in pixels that every frame must have; None: the first one's.
        conceal_damage: show a neighbor of a frame that cannot be decoded, and take a file that is
            cut off to end there: a warning in place of an error. For video files.
        keep_index: write the index of a video file beside it, for files that are read again and
            again, as a data set's are; else it lives as long as this process.
        fps: frames a second, of a folder of frames, which does not say.

    Raises:
        InputError: if there is neither a folder nor a file.
    """
    if isinstance(path, FrameReader):
        return path
    if os.path.isdir(path):
        return FolderReader(path, size, fps)
    if os.path.isfile(path):
        return VideoFileReader(path, size, conceal_damage, keep_index)
    parent, name = os.path.split(os.path.abspath(path))
    near = find_frames(parent, name) if name else None
    there = f"there is {near}" if near else f"{parent} {describe(parent)}"
    raise InputError(f"no folder of frames and no video file at {path}; {there}")


class FrameReader(ABC):
    """Reads the frames of one video; frame 1 is the first.

    Attributes:
        path: the folder or file.
    """

    def __init__(self, path: str, size: tuple[int, int] | None = None) -> None:
        self.path = path
        self._size = size

    def read(self, frame_numbers: Sequence[int], reduction: int = 1) -> list[np.ndarray]:
        """Decode frames.

        Args:
            frame_numbers: 1-based, in any order; each distinct one is decoded once.
            reduction: 1, 2, 4 or 8. If not 1, frames may come that many times smaller per side,
                where decoding them so is faster: JPEG files whose sides are multiples of the
                factor, from a reader that knows its size. Any other frame is whole.

        Returns:
            One (height, width, 3) uint8 BGR array for each number, in the order asked for.
            Equal numbers share one array, so the arrays are read-only.

        Raises:
            InputError: if a frame is missing, cannot be decoded whole, has another size than the
                others, or lies beyond the video's end.
        """
        numbers = sorted({int(number) for number in frame_numbers})
        if numbers and numbers[0] < 1:
            raise InputError(f"{self.path}: frame {numbers[0]} was asked for; the first is frame 1")
        frames = {number: self._read_one(number, reduction) for number in numbers}
        for frame in frames.values():
            frame.setflags(write=False)
        return [frames[int(number)] for number in frame_numbers]

    def __iter__(self) -> Iterator[np.ndarray]:
        """All frames in order, decoded one at a time; raises what `read` does."""
        return (frame.pixels for frame in self.timed())

    @abstractmethod
    def timed(self) -> Iterator[TimedFrame]:
        """All frames in order with their times, decoded one at a time; raises what `read` does."""

    @abstractmethod
    def times(self) -> np.ndarray:
        """(frames + 1,) float64 seconds, when each frame appears and the last one ends.

        Raises:
            InputError: as `count`.
        """

    @abstractmethod
    def count(self) -> int:
        """The exact number of frames; a video file without an index is decoded to its end for it.

        Raises:
            InputError: if a folder's numbers have a gap or do not start at 1, or a frame of a video
                file cannot be decoded.
        """

    @abstractmethod
    def _read_one(self, number: int, reduction: int) -> np.ndarray: ...

    def _check_size(self, size: tuple[int, int], number: int) -> None:
        if self._size is None:
            self._size = size
        if size != tuple(self._size):
            raise InputError(
                f"{self.path}: frame {number} is {size[1]} x {size[0]} pixels, expected "
                f"{self._size[1]} x {self._size[0]} (width x height)"
            )


class FolderReader(FrameReader):
    """A folder of numbered JPEG or PNG files; frame 1 is the first, also where it is called 0."""

    def __init__(
        self, path: str, size: tuple[int, int] | None = None, fps: float = DEFAULT_FPS
    ) -> None:
        super().__init__(path, size)
        self._fps = fps
        self._names: FrameNames | None = None

    def timed(self) -> Iterator[TimedFrame]:
        """All frames in order, evenly spaced."""
        for index in range(self.count()):
            yield TimedFrame(self._read_one(index + 1, 1), index / self._fps, 1 / self._fps)

    def times(self) -> np.ndarray:
        """(frames + 1,) float64 seconds, evenly spaced."""
        return np.arange(self.count() + 1) / self._fps

    def count(self) -> int:
        """The number of image files, which must be numbered without a gap."""
        return count_frames(self.path, self._frame_names())

    def _frame_names(self) -> FrameNames:
        if self._names is None:
            self._names = frame_names(self.path)
        return self._names

    def _read_one(self, number: int, reduction: int) -> np.ndarray:
        name = self._frame_names().of(number)
        try:
            image = load_image(os.path.join(self.path, name))
        except FileNotFoundError as error:
            raise InputError(f"{self.path}: frame {number} is missing ({name})") from error
        if self._size is not None:
            if sorted(image.size) != sorted(self._size):  # EXIF data may change the sides' places
                self._check_size(image.size, number)
            if reduction > 1 and image.is_jpeg and image.size == tuple(self._size):
                frame = self._decode_reduced(image, reduction)
                if frame is not None:
                    return frame
        frame = image.decode()
        self._check_size(frame.shape[:2], number)
        return frame

    def _decode_reduced(self, image: EncodedImage, reduction: int) -> np.ndarray | None:
        """None where a whole frame would do better: other sides, or turned by EXIF data."""
        if any(side % reduction for side in image.size):
            return None
        frame = image.decode(reduction)
        return frame if frame.shape[0] * reduction == image.size[0] else None


class VideoFileReader(FrameReader):
    """A video file, read at random; `VideoIndex` numbers its frames.

    A frame that cannot be decoded keeps its number.
    """

    def __init__(
        self,
        path: str,
        size: tuple[int, int] | None = None,
        conceal_damage: bool = False,
        keep_index: bool = False,
    ) -> None:
        super().__init__(path, size)
        self._conceal_damage = conceal_damage
        self._keep_index = keep_index
        self._access: RandomAccess | None = None

    def __getstate__(self) -> dict:
        return {
            "path": self.path,
            "size": self._size,
            "conceal_damage": self._conceal_damage,
            "keep_index": self._keep_index,
        }

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)

    def timed(self) -> Iterator[TimedFrame]:
        """All frames in order; their times may be unevenly spaced."""
        decoder, number = VideoDecoder(self.path), 0
        for number, picture in enumerate(decoder, start=1):
            if picture.damaged:
                self._report(number, decoder.stated_length, decoder.is_cut_off)
            pixels = decoder.pixels(picture.frame)
            self._check_size(pixels.shape[:2], number)
            yield TimedFrame(pixels, picture.time, picture.duration)
        self._check_end(number, decoder.stated_length, decoder.is_cut_off)

    def count(self) -> int:
        """The exact number of frames."""
        index = self._index()
        for number in np.flatnonzero(index.damaged) + 1:
            self._report(int(number), index.stated_length)
        self._check_end(len(index), index.stated_length, index.is_cut_off)
        return len(index)

    def times(self) -> np.ndarray:
        """(frames + 1,) float64 seconds, by the file."""
        self.count()
        return self._index().times

    def _index(self) -> VideoIndex:
        if self._access is None:
            self._access = RandomAccess(self.path, video_index(self.path, self._keep_index))
        return self._access.index

    def _check_end(self, count: int, stated_length: int, is_cut_off: bool) -> None:
        if not count:
            cut = ", because the rest of the file is missing or unreadable" if is_cut_off else ""
            raise InputError(f"{self.path}: no frame could be decoded{cut}")
        if is_cut_off:
            self._report(count + 1, stated_length, is_cut_off)

    def _report(self, number: int, stated_length: int, is_cut_off: bool = False) -> None:
        """Say that a frame is damaged, or that the file should go on with it."""
        length = f" of about {stated_length}" if stated_length else ""
        rest = ": the rest of the file is missing or unreadable" if is_cut_off else ""
        message = f"{self.path}: frame {number}{length} could not be decoded{rest}"
        if not self._conceal_damage:
            raise InputError(message)
        _warn_once(message)

    def _read_one(self, number: int, reduction: int) -> np.ndarray:
        index = self._index()
        if number > len(index):
            self._check_end(len(index), index.stated_length, index.is_cut_off)
            raise InputError(
                f"{self.path}: frame {number} was asked for; the video ends with frame {len(index)}"
            )
        if index.damaged[number - 1]:
            self._report(number, index.stated_length)
        frame = self._access.read(number)
        self._check_size(frame.shape[:2], number)
        return frame


@cache
def _warn_once(message: str) -> None:
    logger.warning(message)
