"""Writing animated GIF files."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from ..data.readers import TimedFrame
from ..files import atomic_write

MAX_SIDE = 640  # pixels; larger frames are reduced, a GIF compresses badly
_TIME_BASE = Fraction(1, 100)  # seconds a tick, by the format
_MAX_GAP = 2**16 - 1  # ticks; the format stores 16 bits


def write_gif(path: str | Path, frames: Iterable[TimedFrame]) -> None:
    """Write frames as an animated GIF that repeats for ever, whole or not at all.

    Each frame has 256 colors of its own and is shown at its own time, counted from the first one's.

    Args:
        path: the file to write; an existing one is replaced when the new one is complete.
        frames: all of one size, (h, w, 3) uint8 BGR; players show them for at least 0.02 s each.

    Raises:
        ValueError: if there is no frame.
    """
    with atomic_write(path) as file:
        _encode(file.name, frames)


def _encode(path: str, frames: Iterable[TimedFrame]) -> None:
    stream, start, last, duration = None, 0.0, -1, 0.0
    with av.open(path, "w", format="gif") as container:
        for pixels, time, duration in frames:
            pixels = _reduced(pixels)
            if stream is None:
                start = time
                stream = container.add_stream("gif", rate=25)
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt, stream.codec_context.time_base = "pal8", _TIME_BASE
            frame = _with_palette(pixels)
            last = frame.pts = min(
                max(round((time - start) / _TIME_BASE), last + 1), last + _MAX_GAP
            )
            frame.time_base = _TIME_BASE
            for packet in stream.encode(frame):
                packet.duration = _ticks(duration)  # counts for the last frame alone
                container.mux(packet)
        if stream is None:
            raise ValueError("a GIF needs at least one frame")
        container.mux(stream.encode())


def _ticks(seconds: float) -> int:
    return min(max(round(seconds / _TIME_BASE), 1), _MAX_GAP)


def _reduced(pixels: np.ndarray) -> np.ndarray:
    factor = MAX_SIDE / max(pixels.shape[:2])
    if factor >= 1:
        return pixels
    return cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _with_palette(pixels: np.ndarray) -> av.VideoFrame:
    picture = Image.fromarray(pixels[..., ::-1])
    reduced = picture.quantize(256, method=Image.Quantize.FASTOCTREE)
    colors = np.array(reduced.getpalette(), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = 255  # opaque
    palette[: len(colors), 1:] = colors
    return av.VideoFrame.from_ndarray((np.asarray(reduced), palette), format="pal8")
