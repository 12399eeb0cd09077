"""Motion excitation, channel attention and the action head."""

from __future__ import annotations

import pytest
import torch
from detectron2.layers import ShapeSpec

from stma_d2.errors import InputError
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


def test_the_mask_does_not_see_what_only_moves():
    """Eq. 1 is linear, so its mean over the map is that of the frames: where things are is lost."""
    torch.manual_seed(0)
    module = MotionExcitation(3)
    still, moving = torch.zeros(2, 1, 4, 3, 12, 12)
    actor = torch.rand(3, 2, 2)
    for t in range(4):
        still[0, t, :, 3:5, 3:5] = actor
        moving[0, t, :, 3:5, 3 + 2 * t : 5 + 2 * t] = actor

    def masks(features):
        shares = module(features) / features - 1  # M wherever something is
        return shares[features > 0].reshape(4, 3, 4).mean(dim=2)

    assert torch.allclose(masks(still), masks(moving), atol=1e-5)
    growing = still.clone()
    growing[0, 3] *= 20
    assert not torch.allclose(masks(still)[2], masks(growing)[2], atol=1e-3)


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


def test_cfams_attention_mixes_by_the_maximum_minus_the_gram_matrix():
    """YOWO's rule, channel by channel."""
    module = ChannelAttention(unlike=True)
    torch.nn.init.constant_(module.scale, 2.0)
    rows = torch.randn(4, 6)
    result = module(rows.view(1, 4, 2, 3)).view(4, 6)
    for channel in range(4):
        energy = torch.stack([rows[channel] @ other for other in rows])
        shares = (energy.max() - energy).exp()
        mixed = sum(s * row for s, row in zip(shares / shares.sum(), rows, strict=True))
        assert torch.allclose(result[channel], rows[channel] + 2 * mixed, atol=1e-4)


def make_head(**changes):
    arguments = {
        "input_shape": ShapeSpec(channels=4, stride=4),
        "clip_shape": ShapeSpec(channels=7, stride=32),
        "stride_without_clip": 32,
        "num_frames": 3,
        "num_classes": 6,
        "snippet_channels": 8,
        "fused_channels": 10,
        "motion_excitation": True,
        "attention": "gram",
    }
    return ActionHead(**{**arguments, **changes}).eval()


@pytest.mark.parametrize("attention", ["gram", "cfam"])
@pytest.mark.parametrize(
    ("stride", "clip_stride", "without_clip"),
    [(4, 32, 16), (4, None, 32), (4, None, 16), (8, 32, 32), (4, 16, 32), (16, 16, 32)],
)
def test_the_class_map_has_the_3d_features_stride(stride, clip_stride, without_clip, attention):
    clip_shape = ShapeSpec(channels=7, stride=clip_stride) if clip_stride else None
    shape = ShapeSpec(channels=4, stride=stride)
    head = make_head(
        input_shape=shape,
        clip_shape=clip_shape,
        stride_without_clip=without_clip,
        attention=attention,
    )
    coarse = clip_stride or without_clip
    assert head.stride == coarse
    size = 96 // coarse
    frames = head.forward_frames(torch.randn(6, 4, 96 // stride, 96 // stride))
    assert frames.shape == (6, 8, size, size)
    clips = torch.randn(2, 7, 2, size, size) if clip_stride else None
    assert head(frames.view(2, 3, 8, size, size), clips).shape == (2, 6, size, size)


@pytest.mark.parametrize(("stride", "clip_stride"), [(4, 24), (32, 16), (6, 32)])
def test_strides_that_no_halving_joins_are_refused(stride, clip_stride):
    with pytest.raises(InputError, match=f"stride {stride}.* {clip_stride} .*OUT_FEATURE"):
        make_head(
            input_shape=ShapeSpec(channels=4, stride=stride),
            clip_shape=ShapeSpec(channels=7, stride=clip_stride),
        )


def test_the_clips_features_are_averaged_over_time():
    head = make_head()
    frames, clips = torch.randn(1, 3, 8, 2, 2), torch.randn(1, 7, 4, 2, 2)
    average = clips.mean(dim=2, keepdim=True)
    assert torch.allclose(head(frames, clips), head(frames, average), atol=1e-6)
