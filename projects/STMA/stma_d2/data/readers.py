"""Frames of a video, from a folder of images or from a video file."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from PIL import Image

from ..errors import InputError

VIDEO_EXTENSIONS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v")
_IMAGE_EXTENSIONS = (".jpg", ".png")
_REDUCED = {
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def open_frames(path: str, size: tuple[int, int] | None = None) -> FrameReader:
    """A reader for the frames of one video.

    Nothing is decoded yet. The reader may be pickled; the copy opens the video anew.

    Args:
        path: a folder that holds ``00001.jpg``, ``00002.jpg``, ... (or ``.png``), or a video file.
        size: (height, width) in pixels that every frame must have; None: the first one's.

    Raises:
        InputError: if there is neither a folder nor a file.
    """
    if os.path.isdir(path):
        return FolderReader(path, size)
    if os.path.isfile(path):
        return VideoFileReader(path, size)
    raise InputError(f"no folder of frames and no video file at {path}")


def find_frames(root: str, video_id: str) -> str | None:
    """Where ``root`` keeps the video: the folder ``video_id`` or a video file of that name.

    Returns:
        What ``open_frames`` takes, or None if there is neither.
    """
    base = os.path.join(root, *video_id.split("/"))
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
        """See `open_frames`."""
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

    @abstractmethod
    def __iter__(self) -> Iterator[np.ndarray]:
        """All frames in order, decoded one at a time."""

    @abstractmethod
    def count(self) -> int:
        """The exact number of frames; a video file is decoded to its end for it.

        Raises:
            InputError: if a folder's numbers have a gap or do not start at 1.
        """

    @abstractmethod
    def _decode(self, number: int) -> np.ndarray: ...

    def _decode_reduced(self, number: int, reduction: int) -> np.ndarray | None:
        """The frame, ``reduction`` times smaller per side; None where only `_decode` will do."""
        return None

    def _read_one(self, number: int, reduction: int) -> np.ndarray:
        reduced = self._decode_reduced(number, reduction) if reduction > 1 else None
        return self._checked(self._decode(number), number) if reduced is None else reduced

    def _checked(self, frame: np.ndarray, number: int) -> np.ndarray:
        if self._size is None:
            self._size = frame.shape[:2]
        if frame.shape[:2] != tuple(self._size):
            (height, width), (rows, columns) = self._size, frame.shape[:2]
            raise InputError(
                f"{self.path}: frame {number} is {columns} x {rows} pixels, "
                f"expected {width} x {height} (width x height)"
            )
        return frame


class FolderReader(FrameReader):
    """A folder of images named by five-digit frame numbers, all ``.jpg`` or all ``.png``."""

    def __iter__(self) -> Iterator[np.ndarray]:
        """All frames in order, decoded one at a time."""
        for number in range(1, self.count() + 1):
            yield self._checked(self._decode(number), number)

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

    def _decode(self, number: int) -> np.ndarray:
        for extension in _IMAGE_EXTENSIONS:
            try:
                with open(os.path.join(self.path, f"{number:05d}{extension}"), "rb") as file:
                    return _decode_image(file.read(), file.name)
            except FileNotFoundError:
                continue
        raise InputError(
            f"{self.path}: frame {number} is missing ({number:05d}.jpg or {number:05d}.png)"
        )

    def _decode_reduced(self, number: int, reduction: int) -> np.ndarray | None:
        if self._size is None or any(side % reduction for side in self._size):
            return None
        try:
            with open(os.path.join(self.path, f"{number:05d}.jpg"), "rb") as file:
                data = file.read()
            width, height = Image.open(io.BytesIO(data), formats=["JPEG"]).size
        except OSError:  # no such file, or no JPEG
            return None
        if (height, width) != tuple(self._size):  # which the reduced frame would not tell
            return None
        frame = _decode_image(data, file.name, _REDUCED[reduction])
        turned = frame.shape[0] * reduction != height  # by the file's EXIF data
        return None if turned else frame


def _decode_image(data: bytes, path: str, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    # A JPEG without its end marker would be padded with grey. The marker may be followed by other
    # bytes; inside the compressed data 0xFF is never followed by 0xD9, and a thumbnail's end
    # marker precedes the last start of scan.
    truncated = (
        data.startswith(b"\xff\xd8")
        and not data.endswith(b"\xff\xd9")
        and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    )
    frame = None
    if data and not truncated:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if frame is None:
        raise InputError(f"{path}: the image is truncated or damaged ({len(data)} bytes)")
    return frame


class VideoFileReader(FrameReader):
    """A video file. Frames are only ever reached by decoding forwards, so numbers are exact.

    Reading on from where the last call ended decodes nothing twice; going back starts again at the
    file's beginning.
    """

    def __init__(self, path: str, size: tuple[int, int] | None = None) -> None:
        """See `open_frames`."""
        super().__init__(path, size)
        self._close()

    def __getstate__(self) -> dict:
        return {"path": self.path, "_size": self._size}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["path"], state["_size"])

    def __iter__(self) -> Iterator[np.ndarray]:
        """All frames in order, decoded one at a time."""
        capture = self._open()
        number = 0
        while True:
            found, frame = capture.read()
            if not found:
                return
            number += 1
            yield self._checked(frame, number)

    def count(self) -> int:
        """The exact number of frames; decodes the file to its end."""
        capture = self._open()
        number = 0
        while capture.grab():
            number += 1
        return number

    def _close(self) -> None:
        self._capture: cv2.VideoCapture | None = None
        self._position = 0  # the frame that was decoded last

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(self.path)
        if not capture.isOpened():
            raise InputError(f"{self.path}: OpenCV cannot open this file as a video")
        return capture

    def _decode(self, number: int) -> np.ndarray:
        if self._capture is None or number < self._position:
            self._close()
            self._capture = self._open()
        while self._position < number:
            if not self._capture.grab():
                end = self._position
                self._close()
                raise InputError(
                    f"{self.path}: frame {number} was asked for; the video ends with frame {end}"
                )
            self._position += 1
        found, frame = self._capture.retrieve()
        if not found:
            self._close()
            raise InputError(f"{self.path}: frame {number} cannot be decoded")
        return frame
