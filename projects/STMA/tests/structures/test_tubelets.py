"""Tubelets, as arrays and as tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stma_d2.structures import Tubelets


def tubelets(windows, kind=np.asarray, first=0.0):
    """Two tubelets of three frames and five classes a window; no value occurs twice."""
    count = len(windows)
    boxes = first + np.arange(count * 2 * 3 * 4, dtype=np.float32).reshape(count, 2, 3, 4)
    scores = first + np.arange(count * 2 * 5, dtype=np.float32).reshape(count, 2, 5)
    return Tubelets(kind(np.array(windows)), kind(boxes), kind(scores))


def same(one, two):
    return all(np.array_equal(getattr(one, f), getattr(two, f)) for f in vars(one))


def test_they_know_their_sizes_and_types():
    record = Tubelets(np.array([1, 4]), np.zeros((2, 3, 5, 4)), np.zeros((2, 3, 7)))
    assert (len(record), record.num_frames, record.num_classes) == (2, 5, 7)
    assert record.windows.dtype == np.int64
    assert record.boxes.dtype == record.scores.dtype == np.float32


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_chosen_windows_keep_what_belongs_together_and_parts_join_again(kind):
    whole = tubelets([2, 3, 7], kind)
    parts = [whole[:1], whole[kind(np.array([False, True, True]))]]
    assert parts[1].windows.tolist() == [3, 7]
    assert parts[1].boxes[0, 0, 0].tolist() == [24, 25, 26, 27]
    assert same(Tubelets.cat(parts).numpy(), whole.numpy())


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_boxes_are_scaled_and_clipped_to_the_video(kind):
    boxes = np.array([[[[-4.0, 2.0, 60.0, 30.0]]]], np.float32)
    record = Tubelets(kind(np.array([1])), kind(boxes), kind(np.ones((1, 1, 2), np.float32)))
    moved = record.scale(0.5, 2.0).clip((40, 25))
    assert moved.boxes.tolist() == [[[[0, 4, 24, 39]]]]
    assert record.boxes.tolist() == boxes.tolist(), "the record itself stays"


def test_tensors_become_arrays():
    record = tubelets([1, 2], torch.from_numpy)
    assert same(record.to("cpu").numpy(), tubelets([1, 2]))


@pytest.mark.parametrize(
    ("windows", "boxes", "scores", "words"),
    [
        ([1, 1], (2, 3, 5, 4), (2, 3, 7), "ascending"),
        ([3, 2], (2, 3, 5, 4), (2, 3, 7), "ascending"),
        ([1, 2, 3], (2, 3, 5, 4), (2, 3, 7), "W, N, K, 4"),
        ([1, 2], (2, 3, 5, 4), (2, 4, 7), "W, N, K, 4"),
        ([1, 2], (2, 3, 5), (2, 3, 7), "W, N, K, 4"),
        ([1, 2], (2, 3, 5, 5), (2, 3, 7), "W, N, K, 4"),
    ],
)
def test_fields_that_do_not_fit_are_refused(windows, boxes, scores, words):
    with pytest.raises(ValueError, match=words):
        Tubelets(np.array(windows), np.zeros(boxes), np.zeros(scores))


def test_parts_of_different_sizes_or_none_are_not_joined():
    with pytest.raises(ValueError, match="at least one"):
        Tubelets.cat([])
    other = Tubelets(np.array([5]), np.zeros((1, 1, 3, 4)), np.zeros((1, 1, 5)))
    with pytest.raises(ValueError, match="same N, K and C"):
        Tubelets.cat([tubelets([1]), other])


def test_arrays_beside_tensors_are_refused():
    boxes, scores = torch.zeros(2, 1, 5, 4), np.zeros((2, 1, 3), np.float32)
    with pytest.raises(ValueError, match="three arrays or three tensors"):
        Tubelets(np.array([1, 2]), boxes, scores)
