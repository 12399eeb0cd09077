"""Written videos."""

from __future__ import annotations

import av
import numpy as np
import pytest

from stma_d2.data.readers import TimedFrame, open_frames
from stma_d2.visualization import at_rate, write_timed_video, write_video


def frames(count, height=64, width=96):
    for i in range(count):
        frame = np.full((height, width, 3), (200, 30, 90), np.uint8)
        frame[:, : 8 * i] = (20, 220, 10)
        yield frame


def test_the_file_is_h264_in_a_format_that_browsers_play(tmp_path):
    path = tmp_path / "new" / "out.mp4"
    write_video(path, frames(7), fps=25)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 25
        decoded = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    for ours, theirs in zip(frames(7), decoded, strict=True):
        assert np.abs(ours.astype(int) - theirs).mean() < 8
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "playable while it loads"


def test_an_odd_size_is_padded_to_an_even_one(tmp_path):
    write_video(tmp_path / "odd.mp4", frames(2, 33, 47), fps=12.5)
    with av.open(str(tmp_path / "odd.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == (34, 48)


def timed_frames(times, duration=0.04):
    for frame, time in zip(frames(len(times)), times, strict=True):
        yield TimedFrame(frame, time, duration)


def test_frames_keep_their_times_and_the_last_one_its_duration(tmp_path):
    path, times = str(tmp_path / "out.mp4"), [7.0, 7.04, 7.5, 8.25, 128.25]
    write_timed_video(path, timed_frames(times))
    written = list(open_frames(path).timed())
    assert [frame.time for frame in written] == pytest.approx([0, 0.04, 0.5, 1.25, 121.25])
    with av.open(path) as container:
        assert container.duration / av.time_base == pytest.approx(121.29)


@pytest.mark.parametrize("fps", [10, 12.5, 30000 / 1001])
def test_evenly_spaced_frames_last_as_long_as_they_should(tmp_path, fps):
    write_video(tmp_path / "out.mp4", frames(7), fps)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.duration / av.time_base == pytest.approx(7 / fps, abs=1e-5)
        assert float(container.streams.video[0].average_rate) == pytest.approx(fps, rel=1e-4)


@pytest.mark.parametrize("times", [[0, 0.2, 0.1, 0.1, 0.3], [0, 1e30, -1e30, 0.1, 1e30]])
def test_times_that_do_not_ascend_lose_no_frame(tmp_path, times):
    write_timed_video(tmp_path / "out.mp4", timed_frames(times))
    written = [frame.time for frame in open_frames(str(tmp_path / "out.mp4")).timed()]
    assert len(written) == 5 and np.all(np.diff(written) > 0)


def test_a_failure_leaves_no_file_and_keeps_the_old_one(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")

    def broken():
        yield from frames(3)
        raise RuntimeError("camera unplugged")

    with pytest.raises(RuntimeError, match="unplugged"):
        write_video(path, broken(), fps=25)
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(path, iter([]), fps=25)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    ("fps", "expected"),
    [
        (10, [0, 1, 2, 3, 4]),  # its own rate
        (5, [0, 2, 4]),  # what is shown up to the middle of each fifth of a second
        (20, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]),
        (0.5, [4]),  # longer than the whole: one frame
    ],
)
def test_frames_at_another_rate_last_as_long(fps, expected):
    source = [TimedFrame(np.full(1, i), 3 + i / 10, 0.1) for i in range(5)]
    paced = list(at_rate(source, fps))
    assert [int(frame.pixels[0]) for frame in paced] == expected
    assert [frame.time for frame in paced] == pytest.approx(np.arange(len(expected)) / fps)
    assert {frame.duration for frame in paced} == {1 / fps}


def test_uneven_frames_come_evenly():
    source = [TimedFrame(np.full(1, i), time, 0.1) for i, time in enumerate([0, 0.05, 0.85])]
    assert [int(frame.pixels[0]) for frame in at_rate(source, 5)] == [1, 1, 1, 1, 2]
    assert list(at_rate([], 5)) == []


def test_a_frame_that_is_to_stay_for_years_is_written(tmp_path):
    """Its duration alone, which one frame a thousand million seconds asks for."""
    (pixels,) = frames(1)
    write_timed_video(tmp_path / "out.mp4", [TimedFrame(pixels, 0.0, 1e9)])
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.duration / av.time_base == pytest.approx(2**31 / 90_000, rel=1e-6)
