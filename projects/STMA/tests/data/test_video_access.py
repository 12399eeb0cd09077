"""Frames reached from key frames are those of decoding from the file's start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stma_d2.data import open_frames
from stma_d2.data.video_access import RandomAccess
from stma_d2.data.video_file import VideoDecoder
from stma_d2.data.video_index import video_index
from stma_d2.errors import InputError

SIZE = (48, 64)
COUNT = 90
X264 = {"g": "12", "keyint_min": "12", "sc_threshold": "0"}
UNEVEN = [0, 1, 2, 9, 10, 40]  # ticks of 1/100 s, then again


def scene(number: int) -> np.ndarray:
    """Noise that fades: each frame has pixels of its own, and refers to others."""
    still = np.random.default_rng(0).integers(0, 200, (6, 8, 3)).repeat(8, 0).repeat(8, 1)
    still[:, : 2 + number % 60] = 255 - 2 * number
    return still.astype(np.uint8)


@contextmanager
def same_scheduling() -> Iterator[None]:
    """Undo what SVT-AV1 does to its caller where root encodes: real time, before all processes."""
    if not hasattr(os, "sched_getscheduler"):  # not on Linux
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def write(path: Path, codec: str, uneven: bool = False, **options: str) -> Path:
    """Encode ``COUNT`` frames, 25 a second or at ``UNEVEN`` times; skip without the encoder."""
    try:
        av.codec.Codec(codec, "w")
    except av.error.FFmpegError:
        pytest.skip(f"this PyAV has no encoder {codec}")
    with same_scheduling(), av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(COUNT):
            frame = av.VideoFrame.from_ndarray(scene(number), format="bgr24")
            if uneven:
                frame.pts = UNEVEN[number % 6] + 50 * (number // 6)
                frame.time_base = Fraction(1, 100)
                stream.codec_context.time_base = frame.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


KINDS = {
    "h264-bframes.mp4": ("libx264", {**X264, "bf": "3", "x264-params": "open-gop=0"}),
    "h264-open-gop.mp4": ("libx264", {**X264, "bf": "3", "x264-params": "open-gop=1:bframes=3"}),
    "h264-open-gop.mkv": ("libx264", {**X264, "bf": "3", "x264-params": "open-gop=1:bframes=3"}),
    "h264-bframes.ts": ("libx264", {**X264, "bf": "3"}),
    "hevc.mp4": ("libx265", {"g": "12", "x265-params": "log-level=none:open-gop=1:bframes=3"}),
    "hevc.mkv": ("libx265", {"g": "12", "x265-params": "log-level=none:open-gop=0"}),
    "av1.mp4": ("libsvtav1", {"g": "12", "preset": "12"}),
    "av1.webm": ("libsvtav1", {"g": "12", "preset": "12"}),
    "vp9.webm": ("libvpx-vp9", {"g": "12", "auto-alt-ref": "1", "deadline": "realtime"}),
    "vp8.webm": ("libvpx", {"g": "12", "auto-alt-ref": "1", "deadline": "realtime"}),
    "mpeg4.avi": ("mpeg4", {"g": "12"}),
    "mpeg4-bframes.avi": ("mpeg4", {"g": "12", "bf": "2"}),
    "mpeg2.mpg": ("mpeg2video", {"g": "12", "bf": "2"}),
    "mjpeg.avi": ("mjpeg", {"strict": "unofficial"}),
    "h264-intra-refresh.mp4": ("libx264", {**X264, "x264-params": "intra-refresh=1"}),
}


def disordered() -> list[int]:
    return [*np.random.default_rng(1).permutation(COUNT) + 1, *range(30, 50), 90, 1, 90]


@pytest.fixture
def never_from_start(monkeypatch):
    monkeypatch.setattr(RandomAccess, "_from_start", lambda *_: pytest.fail("from the start"))


@pytest.mark.usefixtures("never_from_start")
@pytest.mark.parametrize("name", KINDS)
def test_random_access_gives_the_pixels_of_decoding_from_the_start(tmp_path, name):
    codec, options = KINDS[name]
    path = str(write(tmp_path / name, codec, **options))
    sequence = list(open_frames(path))
    assert len(sequence) == COUNT
    access = RandomAccess(path, video_index(path))
    for number in disordered():
        np.testing.assert_array_equal(access.read(number), sequence[number - 1])


@pytest.mark.usefixtures("never_from_start")
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_frames_of_a_variable_rate_are_reached_and_keep_their_times(tmp_path, name):
    path = str(write(tmp_path / name, "libx264", uneven=True, **X264, bf="3"))
    sequence = list(open_frames(path).timed())
    expected = [(UNEVEN[n % 6] + 50 * (n // 6)) / 100 for n in range(COUNT)]
    reader = open_frames(path)
    assert [frame.time for frame in sequence] == pytest.approx(expected)
    assert reader.times()[:-1] == pytest.approx(expected)
    for number in disordered():
        np.testing.assert_array_equal(reader.read([number])[0], sequence[number - 1].pixels)


def test_only_frames_since_the_key_frame_are_decoded(tmp_path, monkeypatch):
    path = str(write(tmp_path / "a.mp4", "libx264", **X264, bf="0"))
    reader, decoded = open_frames(path), []
    reader.count()
    decode = VideoDecoder._decode
    monkeypatch.setattr(
        VideoDecoder, "_decode", lambda self, p: decoded.append(1) or decode(self, p)
    )
    reader.read([66])  # the key frames are 1, 13, ..., 61
    assert len(decoded) <= 8
    decoded.clear()
    reader.read([67, 68])
    assert len(decoded) <= 2


def test_where_seeking_gives_other_frames_they_are_counted_from_the_start(tmp_path, monkeypatch):
    path = str(write(tmp_path / "a.mp4", "libx264", **X264))
    sequence = list(open_frames(path))
    video_index(path)
    other = write(tmp_path / "b.mp4", "mpeg4", g="12")  # another picture at each time
    frames_from = VideoDecoder.frames_from
    sought = []

    def wrong(self, position):
        sought.append(position)
        return frames_from(VideoDecoder(str(other)), position)

    monkeypatch.setattr(VideoDecoder, "frames_from", wrong)
    reader = open_frames(path)
    for number in (50, 51, 3):
        np.testing.assert_array_equal(reader.read([number])[0], sequence[number - 1])
    assert 1 <= len(sought) <= 4, "and not tried again"


def test_a_file_that_changes_while_it_is_read_is_one_error(tmp_path, monkeypatch):
    path = str(write(tmp_path / "a.mp4", "libx264", **X264))
    access = RandomAccess(path, video_index(path))
    monkeypatch.setattr(VideoDecoder, "__iter__", lambda self: iter(()))
    monkeypatch.setattr(VideoDecoder, "frames_from", lambda *_: iter(()))
    with pytest.raises(InputError, match=r"a\.mp4 changed while it was read"):
        access.read(5)


@pytest.mark.parametrize("hurt", [14, 40])
@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
def test_after_damage_random_access_shows_what_decoding_from_the_start_shows(
    tmp_path, name, codec, hurt
):
    path = str(write(tmp_path / name, codec, **(X264 if codec == "libx264" else {"g": "12"})))
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        position, size = packets[hurt].pos, packets[hurt].size
    with open(path, "r+b") as file:
        file.seek(position)
        file.write(bytes(size))
    sequence = list(open_frames(path, conceal_damage=True))
    assert len(sequence) == COUNT
    reader = open_frames(path, conceal_damage=True)
    for number in disordered():
        np.testing.assert_array_equal(reader.read([number])[0], sequence[number - 1])
