"""Lengths, sizes and times are those that a video decodes to."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stma_d2.data.formats.videos import VideoFacts, frame_times, measure
from stma_d2.errors import InputError


@pytest.fixture
def folder(tmp_path):
    path = str(tmp_path / "a.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48))
    for _ in range(7):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    (tmp_path / "b").mkdir()
    cv2.imwrite(str(tmp_path / "b" / "00001.jpg"), np.zeros((24, 32, 3), np.uint8))
    return str(tmp_path)


def test_files_and_folders_are_measured(folder):
    assert measure(folder, "a") == VideoFacts(7, 48, 64)
    assert measure(folder, "b") == VideoFacts(1, 24, 32)
    np.testing.assert_allclose(frame_times(folder, "a"), np.arange(7) / 20, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "name", "message"),
    [
        (measure, "c", "no video 'c' in .*: neither a folder of frames nor a video file"),
        (measure, "../c", "leads out of"),
        (frame_times, "b", "a folder of frames, which have no times; give --fps"),
    ],
)
def test_what_is_missing_is_named(folder, function, name, message):
    with pytest.raises(InputError, match=message):
        function(folder, name)
