"""The wiring is checked against plain functions in tests/checkpoint/test_centernet.py."""

from __future__ import annotations

import pytest
import torch

from stma_d2.modeling.backbone import ResNet18
from stma_d2.modeling.backbone.resnet import DeformUp


@pytest.fixture(scope="module")
def model() -> ResNet18:
    torch.manual_seed(0)
    return ResNet18()


def test_parameters_are_resnet_18_s_and_the_upsampling_s(model):
    resnet18_without_classifier = 11_689_512 - 513_000
    upsampling = sum(
        9 * c * out
        + out  # deformable convolution
        + 27 * (9 * c + 1)  # its offsets and modulation
        + 16 * out * out  # transposed convolution
        + 4 * out  # two normalizations
        for c, out in [(512, 256), (256, 128), (128, 64)]
    )
    total = sum(p.numel() for p in model.parameters())
    assert total == resnet18_without_classifier + upsampling


def test_upsampling_starts_bilinear_within_each_channel():
    weight = DeformUp(8, 4).upsample.weight.detach()
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    expected = torch.zeros(4, 4, 4, 4)
    for channel in range(4):
        expected[channel, channel] = torch.outer(line, line)
    assert torch.equal(weight, expected)
