"""Frames in memory are read as those of a file."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.data import ArrayReader, open_frames
from stma_d2.errors import InputError

FRAMES = np.arange(3 * 4 * 5 * 3, dtype=np.uint8).reshape(3, 4, 5, 3)


@pytest.mark.parametrize("frames", [FRAMES, list(FRAMES)], ids=["array", "list"])
def test_frames_are_read_by_number_and_stay_the_callers(frames):
    reader = open_frames(ArrayReader(frames))
    third, first = reader.read([3, 1])
    np.testing.assert_array_equal(third, FRAMES[2])
    np.testing.assert_array_equal(first, FRAMES[0])
    assert reader.count() == 3
    with pytest.raises(ValueError, match="read-only"):
        third[0] = 0
    assert np.asarray(frames[2]).flags.writeable
    with pytest.raises(InputError, match="frame 4 was asked for; there are 3"):
        reader.read([4])


def test_frames_are_evenly_spaced():
    reader = ArrayReader(FRAMES, fps=10)
    assert reader.times().tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert [frame.time for frame in reader.timed()] == reader.times()[:-1].tolist()
    assert {frame.duration for frame in reader.timed()} == {0.1}
    np.testing.assert_array_equal(np.stack(list(reader)), FRAMES)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "they are: none"),
        (FRAMES.astype(np.float32), r"they are: float32 \(4, 5, 3\)"),
        (FRAMES[..., :2], r"uint8 \(4, 5, 2\)"),
        (FRAMES[0], r"uint8 \(5, 3\)"),
        ([FRAMES[0], FRAMES[1, :2]], r"uint8 \(., 5, 3\), uint8 \(., 5, 3\)"),
    ],
)
def test_what_are_no_frames_is_refused(frames, words):
    with pytest.raises(InputError, match=words):
        ArrayReader(frames)


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(InputError, match="fps is 0"):
        ArrayReader(FRAMES, fps=0)
