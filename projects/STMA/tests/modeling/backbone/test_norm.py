"""Batch normalization exchanged in a backbone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.modeling.backbone.norm import convert_norm, has_batch_norm


def network(dimensions: int) -> nn.Module:
    """Convolution, batch normalization with statistics of its own, in a module of their own."""
    torch.manual_seed(0)
    convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dimensions](3, 4, 1)
    norm = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[dimensions](4)
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    nn.init.uniform_(norm.weight)
    return nn.Sequential(nn.Sequential(convolution, norm), nn.ReLU())


@pytest.mark.parametrize("dimensions", [2, 3])
def test_frozen_statistics_stay_as_loaded_and_names_as_they_were(dimensions):
    plain = network(dimensions).eval()
    names = list(plain.state_dict())
    images = torch.randn(2, 3, *[5] * dimensions)
    expected = plain(images)
    frozen = convert_norm(plain, "FrozenBN").train()
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    assert torch.equal(frozen(images), expected), "also in training"
    frozen(images).sum().backward()
    assert list(frozen.state_dict()) == names
    assert all(torch.equal(before[name], value) for name, value in frozen.state_dict().items())
    assert [name for name, p in frozen.named_parameters() if p.requires_grad] == [
        "0.0.weight",
        "0.0.bias",
    ]


def test_synchronized_normalization_keeps_the_names():
    plain = network(2)
    names = list(plain.state_dict())
    converted = convert_norm(plain, "SyncBN")
    assert isinstance(converted[0][1], nn.SyncBatchNorm)
    assert list(converted.state_dict()) == names


def test_plain_normalization_stays():
    plain = network(2)
    assert convert_norm(plain, "BN") is plain


def test_a_network_without_batch_normalization_is_known():
    assert has_batch_norm(network(3))
    assert not has_batch_norm(nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4)))
