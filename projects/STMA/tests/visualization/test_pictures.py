"""A folder of pictures."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.data import open_frames
from stma_d2.data.readers import TimedFrame
from stma_d2.visualization import write_pictures


def frames(count):
    for number in range(count):
        yield TimedFrame(np.full((32, 48, 3), 40 + 20 * number, np.uint8), number / 25, 0.04)


def test_the_pictures_are_a_folder_of_frames(tmp_path):
    write_pictures(tmp_path / "new" / "v", frames(3))
    levels = [round(float(frame.mean())) for frame in open_frames(str(tmp_path / "new" / "v"))]
    assert levels == [40, 60, 80]


def test_a_failure_leaves_nothing(tmp_path):
    def broken():
        yield from frames(2)
        raise RuntimeError("camera unplugged")

    for source, error in ((broken(), RuntimeError), (frames(0), ValueError)):
        with pytest.raises(error):
            write_pictures(tmp_path / "v", source)
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_filled_and_a_full_one_never_overwritten(tmp_path):
    (tmp_path / "v").mkdir()
    write_pictures(tmp_path / "v", frames(1))
    with pytest.raises(OSError, match="not empty"):
        write_pictures(tmp_path / "v", frames(2))
    assert open_frames(str(tmp_path / "v")).count() == 1
