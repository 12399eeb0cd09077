from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

from stma_d2.modeling.backbone.deform import (
    DeformBlock,
    ModulatedDeformConv2d,
    deform_conv2d_cpu,
)

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(2, 4, 6, 7, generator=GENERATOR)


@pytest.fixture
def conv() -> ModulatedDeformConv2d:
    torch.manual_seed(1)
    conv = ModulatedDeformConv2d(4, 3).requires_grad_(False)
    conv.bias.copy_(torch.tensor([1.0, -2.0, 0.5]))
    return conv


def _inputs(offset_scale: float, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    """Seeded x, offset, mask, weight and bias of a convolution from 4 to 5 channels."""
    generator = torch.Generator().manual_seed(2)
    shapes = [(3, 4, 6, 7), (3, 18, 6, 7), (3, 9, 6, 7), (5, 4, 3, 3), (5,)]
    x, offset, *others = (torch.randn(s, generator=generator, dtype=dtype) for s in shapes)
    return [x, offset * offset_scale, *others]


def _torchvision(x, offset, mask, weight, bias):
    return deform_conv2d(x, offset, weight, bias, padding=1, mask=mask)


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


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_processors_operator_keeps_the_layout(layout):
    x, *others = _inputs(0.5)
    found = deform_conv2d_cpu(x.contiguous(memory_format=layout), *others)
    assert found.is_contiguous(memory_format=layout)
    torch.testing.assert_close(found, _torchvision(x, *others))


@pytest.mark.parametrize("offset_scale", [0.0, 0.5, 3.0, 100.0])
def test_on_the_cpu_it_is_torchvisions_operator(offset_scale):
    inputs = _inputs(offset_scale)
    torch.testing.assert_close(deform_conv2d_cpu(*inputs), _torchvision(*inputs))


@pytest.mark.parametrize("value", [-1.0, 1.0, -7.5, 1e30, -1e30, float("inf"), -float("inf")])
def test_samples_on_the_border_and_beyond_are_torchvisions(value):
    x, offset, *others = _inputs(0.0)
    offset[:, ::4] = value
    ours = deform_conv2d_cpu(x, offset, *others)
    torch.testing.assert_close(ours, _torchvision(x, offset, *others))


def test_an_offset_that_is_no_number_spoils_its_own_pixel_only():
    x, offset, *others = _inputs(0.5)
    expected = deform_conv2d_cpu(x, offset, *others)
    offset[1, 4, 2, 3] = float("nan")
    ours = deform_conv2d_cpu(x, offset, *others)
    assert ours[1, :, 2, 3].isnan().all()
    ours[1, :, 2, 3] = expected[1, :, 2, 3]
    assert torch.equal(ours, expected)


# At 0, where offsets start, samples lie on pixels: the slope towards the next pixel counts.
@pytest.mark.parametrize("offset_scale", [0.0, 0.5, 3.0])
def test_gradients_are_torchvisions(offset_scale):
    inputs = [tensor.requires_grad_() for tensor in _inputs(offset_scale)]
    expected = _torchvision(*inputs)
    direction = torch.randn_like(expected)
    gradients = torch.autograd.grad(expected, inputs, direction)
    ours = torch.autograd.grad(deform_conv2d_cpu(*inputs), inputs, direction)
    for gradient, reference in zip(ours, gradients, strict=True):
        torch.testing.assert_close(gradient, reference)


def test_memory_layout_changes_nothing(conv):
    conv.offset_mask.weight.normal_(generator=torch.Generator().manual_seed(3))
    last = X.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(conv(last), conv(X))


def test_autocast_keeps_the_operator_in_single_precision():
    inputs = _inputs(0.5, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        out = deform_conv2d_cpu(*inputs)
    assert torch.equal(out, deform_conv2d_cpu(*inputs))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_gives_the_same(conv):
    conv.offset_mask.weight.normal_(generator=torch.Generator().manual_seed(3))
    expected = conv(X)
    ours = conv.cuda()(X.cuda()).cpu()
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)
