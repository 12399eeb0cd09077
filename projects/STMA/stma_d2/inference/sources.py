"""Where a demo's frames come from, file, folder, camera or network, and what ends them."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar
from urllib.parse import urlsplit

import av
import cv2
from av.video.reformatter import VideoReformatter

from ..data import open_frames
from ..data.readers import DEFAULT_FPS, TimedFrame
from ..data.video_file import upright_pixels
from ..errors import InputError

logger = logging.getLogger(__name__)

_Item = TypeVar("_Item")

TIMEOUT = 15.0  # seconds that a network stream may be silent
_URL = re.compile(r"(rtsp|rtsps|rtmp|rtmps|http|https|udp|rtp|tcp|srt)://", re.I)
# In an address, the value of a parameter that is nobody's business.
_SECRET = re.compile(r"(?i)([?&][^=&]*(?:pass|pwd|pw|token|key|secret|auth|sig)[^=&]*=)[^&#]*")


def is_live(name: str) -> bool:
    """Whether ``name`` is a camera or a network stream, and not a file or folder."""
    return _camera_number(name) is not None or bool(_URL.match(name))


def shown_name(name: str) -> str:
    """``name`` as it may be shown and written: a network address without user and password."""
    if not _URL.match(name):
        return name
    address = urlsplit(name).netloc
    name = name.replace(address, address.rpartition("@")[2], 1)
    return _SECRET.sub(r"\1***", name)


@contextmanager
def opened_source(name: str) -> Iterator[Iterator[TimedFrame]]:
    """The frames of a video file, a folder of frames, a camera or a network stream, as they come.

    Args:
        name: what ``open_frames`` takes; a camera's number or its ``/dev/video0``; or a URL such as
            ``rtsp://user:password@host/path``.

    Yields:
        the frames; a camera's have the times at which they came, a network stream's its own.

    Raises:
        InputError: if it cannot be opened. A stream that breaks off later ends with a warning, so
            that what was made of it is kept.
    """
    number = _camera_number(name)
    if number is not None:
        with _opened_camera(name, number) as frames:
            yield frames
    elif is_live(name):
        with _opened_stream(name) as frames:
            yield frames
    else:
        yield open_frames(name, conceal_damage=True).timed()


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


def _camera_number(name: str) -> int | None:
    """The number of a camera, also behind links such as those of ``/dev/v4l/by-id``."""
    if name.isdecimal() and not os.path.exists(name):
        return int(name)
    device = re.fullmatch(r"/dev/video(\d+)", os.path.realpath(name))
    return int(device[1]) if device else None


@contextmanager
def _opened_camera(name: str, number: int) -> Iterator[Iterator[TimedFrame]]:
    # By OpenCV: PyAV's packages are built without cameras.
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise InputError(
                f"OpenCV cannot open camera {name}: is it connected and free, and may you read it "
                f"(on Linux /dev/video{number})?"
            )
        yield _camera_frames(capture)
    finally:
        capture.release()


def _camera_frames(capture: cv2.VideoCapture) -> Iterator[TimedFrame]:
    duration = 1 / (capture.get(cv2.CAP_PROP_FPS) or DEFAULT_FPS)
    while True:
        found, pixels = capture.read()
        if not found:
            return
        yield TimedFrame(pixels, time.monotonic(), duration)


@contextmanager
def _opened_stream(url: str) -> Iterator[Iterator[TimedFrame]]:
    shown = shown_name(url)
    # Over TCP no packet is lost; RTSP's default is UDP.
    options = {"rtsp_transport": "tcp"} if url.lower().startswith("rtsp") else {}
    start = time.monotonic()
    try:
        container = av.open(url, options=options, timeout=TIMEOUT)
    except (av.error.FFmpegError, OSError) as error:
        silent = time.monotonic() - start >= TIMEOUT
        reason = f"no answer in {TIMEOUT:g} seconds" if silent else error.strerror or error
        raise InputError(f"{shown} cannot be opened: {reason}") from error
    with container:
        if not container.streams.video:
            raise InputError(f"{shown} sends no video")
        yield _stream_frames(container, shown)


def _stream_frames(container: av.container.InputContainer, name: str) -> Iterator[TimedFrame]:
    stream, reformatter = container.streams.video[0], VideoReformatter()
    duration = 1 / float(stream.guessed_rate or DEFAULT_FPS)
    moment, zero = -duration, None
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                logger.warning("%s: a frame could not be decoded", name)
                continue
            for frame in frames:
                # The first frames of a stream may have no time yet.
                following = moment + duration
                if frame.time is not None:
                    zero = frame.time - following if zero is None else zero
                    following = frame.time - zero
                moment = following
                yield TimedFrame(upright_pixels(frame, reformatter), moment, duration)
    except av.error.ExitError:  # what PyAV's timeout raises
        logger.warning("%s ends: nothing came for %g seconds", name, TIMEOUT)
    except (av.error.FFmpegError, OSError) as error:
        logger.warning("%s broke off: %s", name, error.strerror or error)
