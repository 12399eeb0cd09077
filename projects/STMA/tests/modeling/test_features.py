"""Features of single frames: selected, joined, and used by any window that holds the frame."""

from __future__ import annotations

import pytest
import torch

from stma_d2.modeling.features import FrameFeatures
from stma_d2.structures import Tubelets


def numbered(first, count, has_action=True):
    """Features whose values are the frames' numbers."""
    values = torch.arange(first, first + count).float().view(-1, 1, 1, 1)
    return FrameFeatures(values, values + 0.25, values + 0.5 if has_action else None)


def test_selected_frames_keep_what_belongs_together():
    chosen = numbered(10, 4)[torch.tensor([3, 0])]
    assert chosen.features.flatten().tolist() == [13, 10]
    assert chosen.size.flatten().tolist() == [13.25, 10.25]
    assert chosen.action.flatten().tolist() == [13.5, 10.5]
    assert len(numbered(10, 4)[-3:]) == 3


@pytest.mark.parametrize("has_action", [True, False])
def test_joined_parts_follow_each_other(has_action):
    joined = FrameFeatures.cat([numbered(3, 2, has_action), numbered(7, 1, has_action)])
    assert joined.features.flatten().tolist() == [3, 4, 7]
    assert joined.size.flatten().tolist() == [3.25, 4.25, 7.25]
    if has_action:
        assert joined.action.flatten().tolist() == [3.5, 4.5, 7.5]
    else:
        assert joined.action is None


@torch.no_grad()
def test_frames_computed_apart_serve_as_frames_computed_together(
    tiny_cfg, tiny_model, make_sample, assert_same_tubelets
):
    """The steps by hand, frame by frame and clip by clip, give what the whole network gives."""
    sample = make_sample(tiny_cfg, num_windows=3)
    (expected,) = tiny_model([sample])
    frames = FrameFeatures.cat([tiny_model.frame_features(f[None]) for f in sample["frames"]])
    clips = sample["frames"][sample["clip_index"]]
    clips = torch.cat([tiny_model.clip_features(clip[None]) for clip in clips])
    boxes, scores = tiny_model.detect(frames, sample["snippet_index"], clips)
    found = Tubelets(sample["windows"], boxes, scores).scale(160 / 64, 120 / 64).clip((120, 160))
    assert_same_tubelets(found, expected["tubelets"])
