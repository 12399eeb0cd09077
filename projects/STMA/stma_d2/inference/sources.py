"""Where a demo's frames come from, file, folder or camera, and what ends them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

import cv2

from ..data import open_frames
from ..data.readers import DEFAULT_FPS, TimedFrame
from ..errors import InputError

_Item = TypeVar("_Item")


def is_camera(name: str) -> bool:
    """Whether ``name`` is a camera's number, and not a file or folder."""
    return name.isdecimal() and not os.path.exists(name)


@contextmanager
def opened_source(name: str) -> Iterator[Iterator[TimedFrame]]:
    """The frames of a video file, a folder of frames or a camera, as they come.

    Args:
        name: what ``open_frames`` takes, or a camera's number.

    Yields:
        the frames; a camera's have the times at which they came.

    Raises:
        InputError: if it cannot be opened.
    """
    if not is_camera(name):
        yield open_frames(name, conceal_damage=True).timed()
        return
    capture = cv2.VideoCapture(int(name))
    try:
        if not capture.isOpened():
            raise InputError(
                f"OpenCV cannot open camera {name}: is it connected and free, and may you read it "
                f"(on Linux /dev/video{name})?"
            )
        yield _camera_frames(capture)
    finally:
        capture.release()


def until(stop: Event, frames: Iterable[_Item]) -> Iterator[_Item]:
    """The frames up to the moment when ``stop`` is set."""
    for frame in frames:
        if stop.is_set():
            return
        yield frame


@contextmanager
def set_by_interrupt(stop: Event) -> Iterator[None]:
    """Let Ctrl-C set ``stop`` in place of ending the program, so that files are finished."""
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _camera_frames(capture: cv2.VideoCapture) -> Iterator[TimedFrame]:
    duration = 1 / (capture.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS)
    while True:
        found, pixels = capture.read()
        if not found:
            return
        yield TimedFrame(pixels, time.monotonic(), duration)
