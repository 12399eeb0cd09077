"""Writing frames as a folder of pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2

from ..data.readers import TimedFrame
from ..files import atomic_folder

_QUALITY = 95  # of JPEG


def write_pictures(path: str | Path, frames: Iterable[TimedFrame]) -> None:
    """Write frames as ``00001.jpg``, ``00002.jpg``, ... into a folder that appears when complete.

    Args:
        path: the folder; it may be there already where it is empty.
        frames: (h, w, 3) uint8 BGR.

    Raises:
        ValueError: if there is no frame.
    """
    with atomic_folder(path) as folder:
        number = 0
        for number, frame in enumerate(frames, start=1):
            quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
            _, encoded = cv2.imencode(".jpg", frame.pixels, quality)
            (folder / f"{number:05d}.jpg").write_bytes(encoded.tobytes())
        if not number:
            raise ValueError("a folder of pictures needs at least one frame")
