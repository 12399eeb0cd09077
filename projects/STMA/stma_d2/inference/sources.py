"""Where a demo's frames come from, file, folder or camera, and what ends them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event

import cv2
import numpy as np

from ..data import open_frames
from ..errors import InputError

DEFAULT_FPS = 25.0  # of a folder of frames, which does not say, and of some cameras


def is_camera(name: str) -> bool:
    """Whether ``name`` is a camera's number, and not a file or folder."""
    return name.isdecimal() and not os.path.exists(name)


def frames_per_second(path: str) -> float:
    """What the video file says, or the default."""
    return (os.path.isfile(path) and cv2.VideoCapture(path).get(cv2.CAP_PROP_FPS)) or DEFAULT_FPS


@contextmanager
def opened_source(name: str) -> Iterator[tuple[Iterator[np.ndarray], float]]:
    """The frames of a video file, a folder of frames or a camera, as they come.

    Args:
        name: what ``open_frames`` takes, or a camera's number.

    Yields:
        frames, (h, w, 3) uint8 BGR, and how many a second the source says they are.

    Raises:
        InputError: if it cannot be opened.
    """
    if not is_camera(name):
        yield iter(open_frames(name)), frames_per_second(name)
        return
    capture = cv2.VideoCapture(int(name))
    try:
        if not capture.isOpened():
            raise InputError(
                f"OpenCV cannot open camera {name}: is it connected and free, and may you read it "
                f"(on Linux /dev/video{name})?"
            )
        yield _camera_frames(capture), capture.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS
    finally:
        capture.release()


def until(stop: Event, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
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


def _camera_frames(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    while True:
        found, frame = capture.read()
        if not found:
            return
        yield frame
