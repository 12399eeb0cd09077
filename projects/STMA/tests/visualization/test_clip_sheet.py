"""The picture of clips: which frames it shows, and where boxes and ways lie."""

import cv2
import numpy as np
import pytest

from stma_d2.errors import InputError
from stma_d2.structures import Tube
from stma_d2.visualization.clip_sheet import draw_clip_sheet
from stma_d2.visualization.figures import write_png


@pytest.fixture
def video(tmp_path):
    """Frames 1 to 40 of 40 x 30 pixels; frame n has the brightness 5 n."""
    for number in range(1, 41):
        frame = np.full((30, 40, 3), 5 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number:05d}.png"), frame)
    shape = {"num_frames": 40, "height": 30, "width": 40}
    return {"video_id": "v", "path": str(tmp_path), "tubes": [], **shape}


def moving(first, last):
    """One pixel to the right in each frame."""
    frames = np.arange(first, last + 1)
    boxes = np.array([2, 4, 12, 14]) + np.outer(frames - first, [1, 0, 1, 0])
    return Tube(frames, boxes.astype(np.float32), 0)


def test_six_frames_of_the_sixteen_in_the_middle(video):
    """Of frames 11 to 30 the middle ones are 13 to 28; every third is shown."""
    (axes,) = draw_clip_sheet([("walk", video, moving(11, 30))]).axes
    assert axes.get_title(loc="left") == "walk   v, frames 13 to 28"
    strip = axes.images[0].get_array()
    assert strip.shape == (30, 240, 3)
    assert strip[0, ::40, 0].tolist() == [5 * number for number in (13, 16, 19, 22, 25, 28)]
    # The box began at x = 2 in frame 11: it is at 4 in frame 13, at 7 in frame 16, ...
    corners = [patch.get_xy() for patch in axes.patches]
    assert corners == [(4 + 3 * column + 40 * column, 4) for column in range(6)]
    ways = [line for line in axes.lines if len(line.get_xdata()) and line.get_marker() == "o"]
    assert [len(way.get_xdata()) for way in ways] == [1, 4, 7, 10, 13, 16]
    np.testing.assert_allclose(ways[1].get_xdata(), 40 + 9 + np.arange(4))
    np.testing.assert_allclose(ways[1].get_ydata(), 9)


def test_a_short_tube_has_as_many_pictures_as_frames(video):
    (axes,) = draw_clip_sheet([("blink", video, moving(5, 7))]).axes
    assert axes.images[0].get_array()[0, ::40, 0].tolist() == [25, 30, 35]


def test_the_same_clips_give_the_same_bytes(video, tmp_path):
    clips = [("a", video, moving(1, 20)), ("b", video, moving(3, 9))]
    for name in ("first.png", "second.png"):
        write_png(tmp_path / name, draw_clip_sheet(clips))
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_a_missing_frame_is_named(video, tmp_path):
    (tmp_path / "00013.png").unlink()
    with pytest.raises(InputError, match="00013"):
        draw_clip_sheet([("walk", video, moving(11, 30))])
