"""Features of single frames serve any window that holds the frame."""

from __future__ import annotations

import torch

from stma_d2.modeling.features import FrameFeatures
from stma_d2.structures import Tubelets


@torch.no_grad()
def test_frames_computed_apart_serve_as_frames_computed_together(
    tiny_cfg, tiny_model, make_sample, assert_same_tubelets
):
    """The steps by hand, frame by frame and clip by clip, give what the whole network gives."""
    sample = make_sample(tiny_cfg, num_windows=3)
    (expected,) = tiny_model([sample])
    frames = FrameFeatures.cat([tiny_model.frame_features(f[None]) for f in sample["frames"]])
    clips = [tiny_model.clip_features(sample["frames"], i[None]) for i in sample["clip_index"]]
    clips = torch.cat(clips)
    boxes, scores = tiny_model.detect(frames, sample["snippet_index"], clips)
    found = Tubelets(sample["windows"], boxes, scores).scale(160 / 64, 120 / 64).clip((120, 160))
    assert_same_tubelets(found, expected["tubelets"])
