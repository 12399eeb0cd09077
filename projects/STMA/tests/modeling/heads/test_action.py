"""Motion excitation, channel attention and the action head."""

from __future__ import annotations

import pytest
import torch

from stma_d2.modeling.heads import ActionHead, ChannelAttention, MotionExcitation


def test_motion_excitation_is_equations_1_and_2_frame_by_frame():
    torch.manual_seed(0)
    module = MotionExcitation(3)
    features = torch.randn(2, 4, 3, 5, 6)
    result = module(features)
    for b in range(2):
        for t in range(4):
            frame = features[b, t]
            if t < 3:
                motion = module.next_frame(features[b, t + 1][None])[0] - frame
            else:
                motion = torch.zeros_like(frame)
            pooled = motion.mean(dim=(1, 2))
            weight, bias = module.mask.weight[:, :, 0, 0], module.mask.bias
            mask = (weight @ pooled + bias).sigmoid()
            assert torch.allclose(result[b, t], frame * (1 + mask[:, None, None]), atol=1e-5)


def test_motion_excitation_of_a_single_frame_has_no_motion():
    module = MotionExcitation(2)
    features = torch.randn(1, 1, 2, 3, 3)
    mask = module.mask.bias.sigmoid().view(2, 1, 1)
    assert torch.allclose(module(features)[0, 0], features[0, 0] * (1 + mask), atol=1e-6)


def test_channel_attention_starts_as_identity_and_mixes_channels_by_their_gram_matrix():
    module = ChannelAttention()
    features = torch.randn(1, 3, 2, 2)
    assert torch.equal(module(features), features)
    torch.nn.init.constant_(module.scale, 0.5)
    rows = features[0].flatten(1)
    mixed = torch.softmax(rows @ rows.T, dim=1) @ rows
    assert torch.allclose(module(features)[0].flatten(1), rows + 0.5 * mixed, atol=1e-5)


def test_channel_attention_stays_single_precision_under_autocast():
    """A map's summed squares may exceed half precision's 65504, and the softmax is steep."""
    torch.manual_seed(0)
    module = ChannelAttention()
    torch.nn.init.constant_(module.scale, 0.5)
    features = torch.randn(1, 8, 3, 3).bfloat16()
    expected = module(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(module(features), expected)


@pytest.mark.parametrize("clip_channels", [0, 7])
def test_action_head_gives_a_class_map_at_stride_32(clip_channels):
    head = ActionHead(
        in_channels=4,
        clip_channels=clip_channels,
        num_frames=3,
        num_classes=6,
        snippet_channels=8,
        fused_channels=10,
        motion_excitation=True,
    ).eval()
    frames = head.forward_frames(torch.randn(6, 4, 16, 24)).view(2, 3, 8, 2, 3)
    clips = torch.randn(2, 7, 2, 2, 3) if clip_channels else None
    assert head(frames, clips).shape == (2, 6, 2, 3)


def test_the_clips_features_are_averaged_over_time():
    head = ActionHead(
        in_channels=2,
        clip_channels=3,
        num_frames=1,
        num_classes=2,
        snippet_channels=2,
        fused_channels=4,
        motion_excitation=False,
    ).eval()
    frames, clips = torch.randn(1, 1, 2, 2, 2), torch.randn(1, 3, 4, 2, 2)
    average = clips.mean(dim=2, keepdim=True)
    assert torch.allclose(head(frames, clips), head(frames, average), atol=1e-6)
