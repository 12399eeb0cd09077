"""Frames of a video, from a folder of images or from a video file."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from detectron2.utils.logger import log_first_n

from ..errors import InputError
from .image_file import EncodedImage, load_image
from .video_file import Picture, VideoDecoder

VIDEO_EXTENSIONS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v")
_IMAGE_EXTENSIONS = (".jpg", ".png")
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
    path: str | FrameReader, size: tuple[int, int] | None = None, conceal_damage: bool = False
) -> FrameReader:
    """A reader for the frames of one video.

    Nothing is decoded yet. The reader may be pickled; the copy opens the video anew.

    Args:
        path: a folder that holds ``00001.jpg``, ``00002.jpg``, ... (or ``.png``), or a video file;
            a reader is returned as it is.
        size: (height, width) in pixels that every frame must have; None: the first one's.
        conceal_damage: show a neighbor of a frame that cannot be decoded, and take a file that is
            cut off to end there: a warning in place of an error. For video files.

    Raises:
        InputError: if there is neither a folder nor a file.
    """
    if isinstance(path, FrameReader):
        return path
    if os.path.isdir(path):
        return FolderReader(path, size)
    if os.path.isfile(path):
        return VideoFileReader(path, size, conceal_damage)
    raise InputError(f"no folder of frames and no video file at {path}")


def find_frames(root: str, video_id: str) -> str | None:
    """Where ``root`` keeps the video: the folder ``video_id`` or a video file of that name.

    Returns:
        What ``open_frames`` takes, or None if there is neither.

    Raises:
        InputError: if the name leads out of ``root``.
    """
    base = os.path.join(root, video_id)
    if not os.path.abspath(base).startswith(os.path.join(os.path.abspath(root), "")):
        raise InputError(f"the video name '{video_id}' leads out of {root}")
    if os.path.isdir(base):
        return base
    files = (base + extension for extension in VIDEO_EXTENSIONS)
    return next((file for file in files if os.path.isfile(file)), None)


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

        A video file is decoded to its end for it; raises what `count` does.
        """

    @abstractmethod
    def count(self) -> int:
        """The exact number of frames; a video file is decoded to its end for it.

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
    """A folder of images named by five-digit frame numbers, all ``.jpg`` or all ``.png``."""

    def timed(self) -> Iterator[TimedFrame]:
        """All frames in order, `DEFAULT_FPS` a second."""
        for index in range(self.count()):
            yield TimedFrame(self._read_one(index + 1, 1), index / DEFAULT_FPS, 1 / DEFAULT_FPS)

    def times(self) -> np.ndarray:
        """(frames + 1,) float64 seconds at `DEFAULT_FPS` frames a second."""
        return np.arange(self.count() + 1) / DEFAULT_FPS

    def count(self) -> int:
        """The number of image files, which must be numbered 1, 2, 3, ..."""
        extension = self._extension()
        stems = [os.path.splitext(name) for name in os.listdir(self.path)]
        numbers = sorted(int(stem) for stem, end in stems if end == extension and stem.isdecimal())
        for expected, number in enumerate(numbers, start=1):
            if number != expected:
                raise InputError(
                    f"{self.path}: frame {expected} ({expected:05d}{extension}) is missing"
                )
        return len(numbers)

    def _extension(self) -> str:
        for extension in _IMAGE_EXTENSIONS:
            if os.path.isfile(os.path.join(self.path, f"00001{extension}")):
                return extension
        raise InputError(f"{self.path} holds no first frame (00001.jpg or 00001.png)")

    def _read_one(self, number: int, reduction: int) -> np.ndarray:
        for extension in _IMAGE_EXTENSIONS:
            try:
                image = load_image(os.path.join(self.path, f"{number:05d}{extension}"))
                break
            except FileNotFoundError:
                continue
        else:
            raise InputError(
                f"{self.path}: frame {number} is missing ({number:05d}.jpg or {number:05d}.png)"
            )
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
    """A video file. Frames are only ever reached by decoding forwards, so numbers are exact.

    A frame that cannot be decoded keeps its number. Reading on from where the last call ended
    decodes nothing twice; going back starts again at the file's beginning.
    """

    def __init__(
        self, path: str, size: tuple[int, int] | None = None, conceal_damage: bool = False
    ) -> None:
        super().__init__(path, size)
        self._conceal_damage = conceal_damage
        self._restart()

    def __getstate__(self) -> dict:
        return {"path": self.path, "size": self._size, "conceal_damage": self._conceal_damage}

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)

    def timed(self) -> Iterator[TimedFrame]:
        """All frames in order; their times may be unevenly spaced."""
        decoder = VideoDecoder(self.path)
        for number, picture in self._numbered(decoder):
            pixels = decoder.pixels(picture)
            self._check_size(pixels.shape[:2], number)
            yield TimedFrame(pixels, picture.time, picture.duration)

    def times(self) -> np.ndarray:
        """(frames + 1,) float64 seconds; decodes the file to its end."""
        pictures = [
            (picture.time, picture.duration)
            for _, picture in self._numbered(VideoDecoder(self.path))
        ]
        return np.array([*(time for time, _ in pictures), sum(pictures[-1])])

    def count(self) -> int:
        """The exact number of frames; decodes the file to its end."""
        return sum(1 for _ in self._numbered(VideoDecoder(self.path)))

    def _numbered(self, decoder: VideoDecoder) -> Iterator[tuple[int, Picture]]:
        number = 0
        for number, picture in enumerate(decoder, start=1):
            if picture.damaged:
                self._report(number, decoder)
            yield number, picture
        if not number:
            raise InputError(f"{self.path}: no frame could be decoded")
        if decoder.is_cut_off:
            self._report(number + 1, decoder)

    def _report(self, number: int, decoder: VideoDecoder) -> None:
        """Say that a frame is damaged, or that the file should go on with it."""
        length = f" of about {decoder.stated_length}" if decoder.stated_length else ""
        rest = ": the rest of the file is missing or unreadable" if decoder.is_cut_off else ""
        message = f"{self.path}: frame {number}{length} could not be decoded{rest}"
        if not self._conceal_damage:
            raise InputError(message)
        log_first_n(logging.WARNING, message, key="message")

    def _restart(self) -> None:
        self._decoder: VideoDecoder | None = None
        self._pictures: Iterator[Picture] | None = None
        self._picture: Picture | None = None
        self._position = 0  # the number of ``_picture``

    def _read_one(self, number: int, reduction: int) -> np.ndarray:
        if self._decoder is None or number < self._position:
            self._restart()
            self._decoder = VideoDecoder(self.path)
            self._pictures = iter(self._decoder)
        while self._position < number:
            picture = next(self._pictures, None)
            if picture is None:
                decoder, end = self._decoder, self._position
                self._restart()
                if decoder.is_cut_off:
                    self._report(number, decoder)
                raise InputError(
                    f"{self.path}: frame {number} was asked for; the video ends with frame {end}"
                )
            self._picture, self._position = picture, self._position + 1
        if self._picture.damaged:
            self._report(number, self._decoder)
        frame = self._decoder.pixels(self._picture)
        self._check_size(frame.shape[:2], number)
        return frame
