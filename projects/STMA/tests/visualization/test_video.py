"""Written videos."""

from __future__ import annotations

import av
import numpy as np
import pytest

from stma_d2.visualization import write_video


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
