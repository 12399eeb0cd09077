"""The wiring is checked against the original's output in tests/checkpoint/test_resnext3d.py."""

from __future__ import annotations

import pytest
import torch

from stma_d2.modeling.backbone import ResNeXt3D, ResNeXt3D101, SmallResNeXt3D


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


def test_the_101_layers_have_the_published_number_of_parameters():
    with torch.device("meta"):
        model = ResNeXt3D101()
    assert isinstance(model, ResNeXt3D)
    assert sum(p.numel() for p in model.parameters()) == 47_521_216
    blocks = [len(layer) for layer in (model.layer1, model.layer2, model.layer3, model.layer4)]
    assert 3 * sum(blocks) + 2 == 101  # three convolutions a block, the stem, the classifier


def test_autocast_on_cpus_spares_what_needs_gradients():
    """The bfloat16 kernel for the weights' gradient is wrong where two frames are left."""
    torch.manual_seed(0)
    model, clips = SmallResNeXt3D(4), torch.randn(2, 3, 16, 32, 32)
    gradients = []
    for autocast in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            model(clips).square().sum().backward()
        gradients.append([p.grad for p in model.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model(clips).dtype == torch.bfloat16


def test_convolutions_start_with_kaiming_s_spread():
    torch.manual_seed(0)
    weight = SmallResNeXt3D(16).conv1.weight
    # Fan out: 16 channels x 3 x 7 x 7 taps.
    assert weight.std().item() == pytest.approx((2 / (16 * 3 * 7 * 7)) ** 0.5, rel=0.05)
