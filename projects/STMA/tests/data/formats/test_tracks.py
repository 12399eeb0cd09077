"""Pixels and key frames follow one rule in all formats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stma_d2.data.formats import tracks
from stma_d2.data.formats.tracks import (
    check_extent,
    from_edges,
    from_sizes,
    interpolate,
    key_frames_of,
    to_edges,
    to_sizes,
)
from stma_d2.errors import InputError


def test_a_box_over_the_whole_frame_ends_with_the_last_pixel():
    whole = [[0, 0, 319, 239]]
    assert from_edges([[0, 0, 320, 240]]).tolist() == whole
    assert from_sizes([[0, 0, 320, 240]]).tolist() == whole
    assert to_edges(whole).tolist() == [[0, 0, 320, 240]]
    assert to_sizes([[5, 6, 5, 7]]).tolist() == [[5, 6, 1, 2]]  # one pixel wide, two high


def test_no_boxes_are_no_boxes():
    empty = np.empty((0, 4))
    for function in (from_edges, from_sizes, to_edges, to_sizes):
        assert function(empty).shape == (0, 4)


def test_interpolation_is_numpys_and_stays_at_the_last_key_frame():
    keys, values = np.array([2, 5, 6]), np.array([[0.0, 1], [6, -2], [7, 7]])
    frames = np.arange(2, 7)
    expected = np.stack([np.interp(frames, keys, values[:, side]) for side in (0, 1)], axis=1)
    np.testing.assert_allclose(interpolate(frames, keys, values), expected)
    assert interpolate(np.array([6, 9]), keys, values).tolist() == [[7, 7], [7, 7]]


boxes = st.lists(
    st.tuples(*[st.integers(-40, 40)] * 4).map(lambda b: (b[0], b[1], b[0] + 90, b[1] + b[2] + 99)),
    min_size=1,
    max_size=30,
)


@given(boxes)
def test_key_frames_without_tolerance_give_every_box_back(boxes):
    edges = np.array(boxes, np.float64) / 4
    kept = key_frames_of(edges, 0)
    restored = interpolate(np.arange(len(edges)), kept, edges[kept])
    assert (from_edges(restored).astype("f4") == from_edges(edges).astype("f4")).all()


@given(boxes, st.floats(0.1, 5))
def test_key_frames_with_tolerance_stay_within_it(boxes, tolerance):
    edges = np.array(boxes, np.float64) / 4
    kept = key_frames_of(edges, tolerance)
    restored = interpolate(np.arange(len(edges)), kept, edges[kept])
    assert np.abs(restored - edges).max() <= tolerance
    assert len(kept) <= len(key_frames_of(edges, 0))


def test_a_box_on_a_straight_line_needs_two_key_frames():
    edges = np.linspace([0, 0, 10, 10], [64, 8, 74, 26], 33)
    assert key_frames_of(edges, 0).tolist() == [0, 32]
    edges[8] += 1
    assert 8 in key_frames_of(edges, 0) and key_frames_of(edges, 1).tolist() == [0, 32]


def test_a_file_that_stands_for_too_many_boxes_is_refused(monkeypatch):
    monkeypatch.setattr(tracks, "MAX_BOXES", 5)
    check_extent(5, "a.xml")
    with pytest.raises(InputError, match=r"a\.xml stands for more than 5 boxes"):
        check_extent(6, "a.xml")
