from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from stma_d2.modeling.backbone.deform import DeformBlock, ModulatedDeformConv2d

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(2, 4, 6, 7, generator=GENERATOR)


@pytest.fixture
def conv() -> ModulatedDeformConv2d:
    torch.manual_seed(1)
    conv = ModulatedDeformConv2d(4, 3).requires_grad_(False)
    conv.bias.copy_(torch.tensor([1.0, -2.0, 0.5]))
    return conv


def _plain(conv, x):
    return F.conv2d(x, conv.weight, conv.bias, padding=1)


def test_it_starts_as_a_convolution_of_half_weight(conv):
    expected = F.conv2d(X, 0.5 * conv.weight, conv.bias, padding=1)
    torch.testing.assert_close(conv(X), expected)


def test_saturated_modulation_is_a_plain_convolution(conv):
    conv.offset_mask.bias[18:] = 40.0
    torch.testing.assert_close(conv(X), _plain(conv, X))


@pytest.mark.parametrize(("channel", "dim"), [(0, 2), (1, 3)], ids=["dy", "dx"])
def test_offset_channels_alternate_between_y_and_x(conv, channel, dim):
    conv.offset_mask.bias[18:] = 40.0
    conv.offset_mask.bias[channel:18:2] = 1.0  # each tap looks one pixel down, or right
    shifted = torch.roll(X, -1, dims=dim)
    torch.testing.assert_close(conv(X)[..., 1:-2, 1:-2], _plain(conv, shifted)[..., 1:-2, 1:-2])


def test_offsets_and_modulation_are_predicted_for_each_pixel(conv):
    # The predictor sees only channel 0: where it is 1, all taps are switched off.
    x = X.clone()
    x[:, 0] = 0
    x[:, 0, 2, 3] = 1
    conv.offset_mask.weight[18:, 0, 1, 1] = -80.0
    conv.offset_mask.bias[18:] = 40.0
    expected = _plain(conv, x)
    expected[:, :, 2, 3] = conv.bias
    torch.testing.assert_close(conv(x), expected)


def test_mixed_precision_trains():
    block = DeformBlock(4, 8)
    with torch.autocast("cpu", torch.bfloat16):
        out = block(torch.randn(2, 4, 8, 8).bfloat16().requires_grad_())
    out.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in block.parameters())
