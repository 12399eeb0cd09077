"""The wiring is checked against the original's output in tests/checkpoint/test_resnext3d.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.modeling.backbone import ResNeXt3D, ResNeXt3D101, SmallResNeXt3D
from stma_d2.modeling.backbone.resnext3d import MaxPool3D


@pytest.mark.parametrize(
    ("length", "height", "width", "expected"),
    [
        (16, 288, 288, (1, 9, 9)),
        (16, 128, 128, (1, 4, 4)),
        (8, 112, 96, (1, 4, 3)),
        (17, 64, 32, (2, 2, 1)),
    ],
)
def test_the_large_network_s_strides_round_up(length, height, width, expected):
    with torch.device("meta"):
        features = ResNeXt3D101()(torch.empty(2, 3, length, height, width))
    assert features.shape == (2, 2048, *expected)


@pytest.mark.parametrize("network", [ResNeXt3D, SmallResNeXt3D])
def test_at_stride_16_the_last_layer_halves_the_time_alone(network):
    depth_or_width = 50 if network is ResNeXt3D else 4
    with torch.device("meta"):
        coarse, fine = (network(depth_or_width, out_stride=stride) for stride in (32, 16))
        clips = torch.empty(2, 3, 16, 96, 80)
        assert coarse(clips).shape[2:] == (1, 3, 3) and fine(clips).shape[2:] == (1, 6, 5)
    strides = [net.output_shape()["features"].stride for net in (coarse, fine)]
    assert strides == [32, 16]
    # The same weights serve both.
    assert [p.shape for p in coarse.parameters()] == [p.shape for p in fine.parameters()]


def test_the_101_layers_have_the_published_number_of_parameters():
    with torch.device("meta"):
        model = ResNeXt3D101()
    assert isinstance(model, ResNeXt3D)
    assert sum(p.numel() for p in model.parameters()) == 47_521_216
    blocks = [len(layer) for layer in (model.layer1, model.layer2, model.layer3, model.layer4)]
    assert 3 * sum(blocks) + 2 == 101  # three convolutions a block, the stem, the classifier


def test_autocast_on_cpus_leaves_short_clips_in_float32():
    """The bfloat16 kernel for the weights' gradient is wrong where two frames are left."""
    model, dtypes = SmallResNeXt3D(4), {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv3d):
            module.register_forward_hook(
                lambda _, __, output, name=name: dtypes.update({name: output.dtype})
            )
    with torch.autocast("cpu", torch.bfloat16):
        model(torch.randn(2, 3, 16, 32, 32))
    short = {name for name, dtype in dtypes.items() if dtype == torch.float32}
    assert short == {name for name in dtypes if name.startswith(("layer3", "layer4"))}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model(torch.randn(2, 3, 16, 32, 32)).dtype == torch.bfloat16


@pytest.mark.parametrize("frames", [8, 16])
def test_autocast_on_cpus_gives_the_gradients_of_float32(frames):
    """To bfloat16's precision, and the same ones whatever memory held before.

    Batch statistics of a few random clips would let any rounding grow: they are fixed here.
    """
    torch.manual_seed(0)
    model, clips = SmallResNeXt3D(16).eval(), torch.randn(4, 3, frames, 64, 64)

    def gradients(autocast, garbage=0.0):
        for size in (10, 100, 1000, 10_000, 100_000, 1_000_000):
            [torch.full((size,), garbage) for _ in range(8)]
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            out = model(clips)
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        return [p.grad for p in model.parameters() if p.dim() > 1]

    exact, rounded = gradients(False), gradients(True)
    assert all(
        torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.97
        for a, b in zip(exact, rounded, strict=True)
    )
    again = gradients(True, float("nan"))
    assert all(torch.equal(*pair) for pair in zip(rounded, again, strict=True))


def test_pooling_keeps_16_bits_under_autocast_and_gives_the_same():
    x = torch.randn(1, 2, 5, 6, 7, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        pooled = MaxPool3D(3, stride=2, padding=1)(x)
    expected = nn.functional.max_pool3d(x.float(), 3, 2, 1)
    assert pooled.dtype == torch.bfloat16
    assert torch.equal(pooled.float(), expected)
    (gradient,) = torch.autograd.grad(pooled.float().sum(), x)
    (same,) = torch.autograd.grad(expected.sum(), x)
    assert torch.equal(gradient, same)


def test_convolutions_start_with_kaiming_s_spread():
    torch.manual_seed(0)
    weight = SmallResNeXt3D(16).conv1.weight
    # Fan out: 16 channels x 3 x 7 x 7 taps.
    assert weight.std().item() == pytest.approx((2 / (16 * 3 * 7 * 7)) ** 0.5, rel=0.05)
