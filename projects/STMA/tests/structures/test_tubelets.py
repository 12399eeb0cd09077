"""TubeletBoxes and Tubelets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from detectron2.structures import Instances

from stma_d2.structures import TubeletBoxes, Tubelets


def test_boxes_live_in_instances_and_follow_their_selection():
    boxes = torch.arange(24.0).view(2, 3, 4)
    instances = Instances((10, 20))
    instances.tubelets = TubeletBoxes(boxes)
    chosen = instances[torch.tensor([False, True])]
    assert torch.equal(chosen.tubelets.tensor, boxes[1:])
    assert torch.equal(instances[-1].tubelets.tensor, boxes[1:])
    both = Instances.cat([instances, chosen])
    assert len(both) == 3
    assert both.tubelets.num_frames == 3


def test_scale_and_clip_by_hand():
    boxes = TubeletBoxes(torch.tensor([[[-4.0, 2.0, 60.0, 30.0]]]))
    boxes.scale(0.5, 2.0)
    boxes.clip((40, 25))
    assert boxes.tensor.tolist() == [[[0, 4, 24, 39]]]


@pytest.mark.parametrize("shape", [(2, 4), (2, 3, 5)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="N, K, 4"):
        TubeletBoxes(torch.zeros(shape))


def test_concatenating_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        TubeletBoxes.cat([])


def window_tubelets(windows, boxes=(2, 3, 5, 4), scores=(2, 3, 7)):
    return Tubelets(np.array(windows), np.zeros(boxes), np.zeros(scores))


def test_window_tubelets_know_their_sizes_and_types():
    tubelets = window_tubelets([1, 4])
    assert (tubelets.num_frames, tubelets.num_classes) == (5, 7)
    assert tubelets.windows.dtype == np.int64
    assert tubelets.boxes.dtype == tubelets.scores.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"windows": [1, 1]}, "ascending"),
        ({"windows": [3, 2]}, "ascending"),
        ({"windows": [1, 2, 3]}, "W, N, K, 4"),
        ({"windows": [1, 2], "scores": (2, 4, 7)}, "W, N, K, 4"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        window_tubelets(**changes)
