"""Writing H.264 videos that browsers play."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np

from ..data.readers import TimedFrame
from ..files import atomic_write

_TIME_BASE = Fraction(1, 90_000)  # seconds a tick; whole ticks at 24, 25, 29.97, 30, 50 and 60 fps
_MAX_GAP = 2**31 - 1  # ticks, six hours: what fits 32 bits, of which FFmpeg takes one for a sign


# A `TimedFrame`, or another tuple with its times.
_Frame = TypeVar("_Frame", bound=Any)


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """Write evenly spaced frames, each (h, w, 3) uint8 BGR; see `write_timed_video`."""
    timed = (TimedFrame(frame, index / fps, 1 / fps) for index, frame in enumerate(frames))
    write_timed_video(path, timed)


def write_timed_video(path: str | Path, frames: Iterable[TimedFrame]) -> None:
    """Encode frames as H.264 (yuv420p, index in front) in an MP4 file, whole or not at all.

    Each frame is shown at its own time, counted from the first one's; the last one for its own
    duration.

    Args:
        path: the file to write; an existing one is replaced when the new one is complete.
        frames: all of one size; an odd last row or column is repeated, since the format stores
            colors for 2 x 2 pixels. A time that does not ascend becomes the next possible one.

    Raises:
        ValueError: if there is no frame.
    """
    with atomic_write(path) as file:
        _encode(file.name, frames)


def at_rate(frames: Iterable[_Frame], fps: float) -> Iterator[_Frame]:
    """Leave out or repeat frames so that they come evenly, and last as long as before.

    Args:
        frames: tuples with the fields ``time`` and ``duration``, in order.
        fps: frames a second.

    Yields:
        what is to be seen at each moment, with new times that count from 0.
    """
    shown, start, count = None, 0.0, 0

    def until(time: float) -> Iterator[_Frame]:
        """Show the frame in each new interval whose middle comes before ``time``."""
        nonlocal count
        while start + (count + 0.5) / fps < time + 1e-6:
            yield shown._replace(time=count / fps, duration=1 / fps)
            count += 1

    for frame in frames:
        if shown is None:
            start = frame.time
        else:
            yield from until(frame.time)
        shown = frame
    if shown is not None:
        yield from until(max(shown.time + shown.duration, start + 0.5 / fps))


def _encode(path: str, frames: Iterable[TimedFrame]) -> None:
    stream, start, last = None, 0.0, -1
    durations: dict[int, int] = {}  # ticks, by the time at which the frame is shown
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        for pixels, time, duration in frames:
            height, width = pixels.shape[:2]
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            if stream is None:
                start = time
                # Without B-frames the file lasts exactly as long as its frames.
                stream = container.add_stream("libx264", rate=25, options={"crf": "20", "bf": "0"})
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt, stream.codec_context.time_base = "yuv420p", _TIME_BASE
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            ticks = round((time - start) / _TIME_BASE)
            last = frame.pts = min(max(ticks, last + 1), last + _MAX_GAP)
            frame.time_base = _TIME_BASE
            durations[last] = min(round(duration / _TIME_BASE), _MAX_GAP)
            _mux(container, stream.encode(frame), durations)
        if stream is None:
            raise ValueError("a video needs at least one frame")
        _mux(container, stream.encode(), durations)


def _mux(
    container: av.container.OutputContainer, packets: list[av.Packet], durations: dict[int, int]
) -> None:
    for packet in packets:
        packet.duration = durations.pop(packet.pts)
        container.mux(packet)
