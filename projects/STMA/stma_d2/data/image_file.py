"""One frame in a JPEG or PNG file, checked before it is decoded."""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass

import cv2
import numpy as np

from ..errors import InputError

# A frame may have this many pixels (8192 x 8192), and its file this many bytes. A small file can
# ask for far more memory than that.
MAX_PIXELS = 2**26
MAX_BYTES = 2**28

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True)
class EncodedImage:
    """A file's content, not decoded yet.

    Attributes:
        path: of the file.
        data: its bytes.
        size: (height, width) that the header states, at most ``MAX_PIXELS`` in all; EXIF data may
            still turn the image.
    """

    path: str
    data: bytes
    size: tuple[int, int]

    @property
    def is_jpeg(self) -> bool:
        """Whether it is a JPEG and not a PNG, whatever the file's name."""
        return self.data.startswith(_JPEG)

    def decode(self, reduction: int = 1) -> np.ndarray:
        """Decode, and turn as EXIF data say.

        Args:
            reduction: 1, 2, 4 or 8; of a JPEG, how many times smaller each side comes.

        Returns:
            (height, width, 3) uint8 BGR.

        Raises:
            InputError: if the image is truncated or damaged.
        """
        frame = None
        if not self._is_truncated():
            data = np.frombuffer(self.data, np.uint8)
            frame = cv2.imdecode(data, _REDUCED[reduction])
        if frame is None:
            raise _damaged(self.path, self.data)
        return frame

    def _is_truncated(self) -> bool:
        data = self.data
        if not self.is_jpeg:
            return not _has_whole_chunks(data)
        # OpenCV pads a JPEG without its end marker with grey. The marker may be followed by other
        # bytes; inside the compressed data 0xFF is never followed by 0xD9, and a thumbnail's end
        # marker precedes the last start of scan.
        return not data.endswith(b"\xff\xd9") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")


def load_image(path: str) -> EncodedImage:
    """Read a JPEG or PNG file and its header.

    Raises:
        FileNotFoundError: if there is no file.
        InputError: if it is no regular file (reading a pipe might never end), no JPEG or PNG, or
            larger than `MAX_PIXELS` or `MAX_BYTES`.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is not a regular file")
    if status.st_size > MAX_BYTES:
        raise InputError(f"{path} has {status.st_size} bytes; a frame may have {MAX_BYTES}")
    with open(path, "rb") as file:
        data = file.read()
    size = _header_size(data)
    if size is None:
        raise _damaged(path, data)
    height, width = size
    if height * width > MAX_PIXELS:
        raise InputError(f"{path}: {width} x {height} pixels; a frame may have {MAX_PIXELS}")
    return EncodedImage(path, data, size)


def _damaged(path: str, data: bytes) -> InputError:
    return InputError(
        f"{path}: the image is truncated or damaged, or neither JPEG nor PNG ({len(data)} bytes)"
    )


def _has_whole_chunks(data: bytes) -> bool:
    """Whether a PNG's parts end within the file; OpenCV takes the memory that a length asks for."""
    position, kind = len(_PNG), b""
    while kind != b"IEND" and position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        position += 12 + length
    return kind == b"IEND" and position <= len(data)


def _header_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) of a JPEG's or PNG's header, None where it is not whole."""
    if data.startswith(_PNG) and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return height, width
    position = 2 if data.startswith(_JPEG) else len(data)
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a start of frame
            return struct.unpack_from(">HH", data, position + 5)
        fill = marker == 0xFF
        position += 1 if fill else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None
