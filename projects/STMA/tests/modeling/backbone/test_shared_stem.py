"""The 3D network for processors, against the network itself clip by clip."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from stma_d2.data import ClipSampler
from stma_d2.modeling.backbone import ResNeXt3D, SharedStemNet3D, SmallResNeXt3D
from stma_d2.modeling.backbone.norm import convert_norm


def clips_of(frames, index):
    return frames[index].transpose(1, 2)


@torch.no_grad()
@pytest.mark.parametrize("norm", ["BN", "SyncBN", "FrozenBN"])
@pytest.mark.parametrize(("frame_stride", "out_stride"), [(1, 32), (2, 16)])
@pytest.mark.parametrize(("length", "clips_per_pass"), [(1, 4), (8, 1), (9, 2), (16, 20)])
def test_clips_of_a_video_get_the_networks_features(
    with_statistics, norm, frame_stride, out_stride, length, clips_per_pass
):
    """Windows of a short video: its first and last frame repeat in the clips."""
    torch.manual_seed(0)
    net = with_statistics(convert_norm(SmallResNeXt3D(8, out_stride=out_stride), norm))
    sampler = ClipSampler(1, length, frame_stride=frame_stride)
    numbers, _, index = map(torch.from_numpy, sampler.layout(range(1, 13), 12))
    frames = torch.randn(len(numbers), 3, 64, 48)
    expected = net(clips_of(frames, index))
    found = SharedStemNet3D(net, torch.float32)(frames, index, clips_per_pass)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


@torch.no_grad()
def test_the_large_network_is_the_same_and_with_16_bits_near(with_statistics):
    torch.manual_seed(0)
    net = with_statistics(ResNeXt3D(50))
    frames, index = torch.randn(17, 3, 64, 64), torch.arange(16) + torch.arange(2)[:, None]
    expected = net(clips_of(frames, index))
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.05)):
        found = SharedStemNet3D(net, dtype)(frames, index, 1)
        assert found.dtype == dtype
        assert (found - expected).abs().max() <= tolerance * expected.abs().max()


@torch.no_grad()
def test_a_stack_of_frames_goes_through_the_stem_once(with_statistics, monkeypatch):
    net = SharedStemNet3D(with_statistics(SmallResNeXt3D(4)), torch.float32)
    frames, index = torch.randn(17, 3, 32, 32), torch.arange(8) + torch.arange(10)[:, None]
    stacks, conv2d = [], F.conv2d

    def counted(images, *rest):
        stacks.extend(images)
        return conv2d(images, *rest)

    monkeypatch.setattr("stma_d2.modeling.backbone.shared_stem.F.conv2d", counted)
    net(frames, index, 3)
    # Three frames around each of frames 1 .. 15, and two at each end of ten clips.
    assert len(stacks) == 15 + 2 * 10
    assert sum(stack.shape[0] == 9 for stack in stacks) == 15
