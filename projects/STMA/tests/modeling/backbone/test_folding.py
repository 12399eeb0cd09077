"""Convolutions that do the work of the batch normalization behind them."""

from __future__ import annotations

import pytest
import torch
from detectron2.layers import Conv2d, get_norm
from timm.layers import BatchNormAct2d
from torch import nn

from stma_d2.modeling.backbone import DLA34, ResNet18, SmallResNet, fold_batch_norm
from stma_d2.modeling.backbone.norm import convert_norm


def num_norms(module: nn.Module) -> int:
    return sum(hasattr(child, "running_var") for child in module.modules())


@torch.no_grad()
@pytest.mark.parametrize("norm", ["BN", "SyncBN", "FrozenBN"])
@pytest.mark.parametrize("build", [DLA34, ResNet18, lambda: SmallResNet(8)])
def test_a_backbone_gives_the_same_and_stays_as_it_is(with_statistics, build, norm):
    torch.manual_seed(0)
    backbone = with_statistics(convert_norm(build(), norm))
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    folded = fold_batch_norm(backbone)
    # The small network's path back has a normalization of a sum.
    assert num_norms(folded) == isinstance(backbone, SmallResNet) < num_norms(backbone)
    images = torch.randn(2, 3, 64, 64)
    expected, found = backbone(images), folded(images)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert all(torch.equal(before[name], v) for name, v in backbone.state_dict().items())


@torch.no_grad()
@pytest.mark.parametrize("norm", ["BN", "FrozenBN"])
def test_detectron2s_convolutions_fold_their_own(with_statistics, norm):
    conv = with_statistics(
        Conv2d(3, 8, 3, bias=False, norm=get_norm(norm, 8), activation=nn.functional.relu)
    )
    if norm == "FrozenBN":  # its statistics are buffers, as its weights
        conv.norm.running_mean.fill_(0.3)
    folded = fold_batch_norm(nn.ModuleList([conv]))[0]
    images = torch.randn(1, 3, 8, 8)
    assert folded.norm is None and conv.norm is not None
    torch.testing.assert_close(folded(images), conv(images))


class _Before(nn.Module):
    """Registered as a convolution and its normalization, but run the other way round."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x):
        return self.conv(self.norm(x))


@torch.no_grad()
@pytest.mark.parametrize(
    "module",
    [
        _Before(),
        nn.Sequential(nn.Conv2d(4, 4, 1), BatchNormAct2d(4)),
        nn.Sequential(nn.Conv2d(4, 4, 1), nn.GroupNorm(2, 4)),
        nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)),
        nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)),
    ],
)
def test_what_is_not_certain_is_left_alone(with_statistics, module):
    module = with_statistics(module)
    images = torch.randn(2, 4, 5, 5)
    assert torch.equal(fold_batch_norm(module)(images), module(images))


def test_weights_that_do_not_change_are_shared(with_statistics):
    module = with_statistics(
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 1))
    )
    folded = fold_batch_norm(module)
    assert folded[2].weight is module[2].weight
    assert folded[0].weight is not module[0].weight
