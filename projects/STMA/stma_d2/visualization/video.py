"""Writing H.264 videos that browsers play."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ..files import atomic_write


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """Encode frames as H.264 (yuv420p, index in front) in an MP4 file, whole or not at all.

    Args:
        path: the file to write; an existing one is replaced when the new one is complete.
        frames: (h, w, 3) uint8 BGR, all of one size; an odd last row or column is repeated, since
            the format stores colors for 2 x 2 pixels.
        fps: frames per second.

    Raises:
        ValueError: if there is no frame.
    """
    with atomic_write(path) as file:
        _encode(file.name, frames, fps)


def _encode(path: str, frames: Iterable[np.ndarray], fps: float) -> None:
    stream = None
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        for frame in frames:
            height, width = frame.shape[:2]
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            if stream is None:
                rate = Fraction(fps).limit_denominator(1001)
                stream = container.add_stream("libx264", rate=rate, options={"crf": "20"})
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        if stream is None:
            raise ValueError("a video needs at least one frame")
        container.mux(stream.encode())
