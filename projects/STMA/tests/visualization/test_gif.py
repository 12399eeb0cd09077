"""Written GIF files, read by another library."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from stma_d2.data.readers import TimedFrame
from stma_d2.visualization import write_gif


def frames(times, height=48, width=64, duration=0.04):
    for number, time in enumerate(times):
        pixels = np.full((height, width, 3), (200, 30, 90), np.uint8)
        pixels[:, : 8 * number] = (20, 220, 10)
        yield TimedFrame(pixels, time, duration)


def test_frames_colors_and_times_are_kept(tmp_path):
    path, times = tmp_path / "new" / "a.gif", [7.0, 7.1, 7.5, 8.25]
    write_gif(path, frames(times, duration=0.3))
    with Image.open(path) as picture:
        assert (picture.n_frames, picture.size, picture.info["loop"]) == (4, (64, 48), 0)
        durations = []
        for number, frame in enumerate(frames(times)):
            picture.seek(number)
            durations.append(picture.info["duration"])
            shown = np.asarray(picture.convert("RGB"))[..., ::-1].astype(int)
            assert np.abs(shown - frame.pixels).max() < 8
    assert durations == [100, 400, 750, 300]  # milliseconds


def test_a_large_frame_is_reduced(tmp_path):
    write_gif(tmp_path / "a.gif", frames([0.0], 1080, 1920))
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.size == (640, 360)


def test_without_a_frame_there_is_no_file_and_the_old_one_stays(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"old")
    with pytest.raises(ValueError, match="at least one frame"):
        write_gif(tmp_path / "a.gif", iter([]))
    assert (tmp_path / "a.gif").read_bytes() == b"old"
