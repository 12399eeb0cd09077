"""A 3D convolution computed frame by frame is the same convolution."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.deployment.framewise import FramewiseConv3d, with_framewise_stem
from stma_d2.modeling.backbone import SmallResNeXt3D


@torch.no_grad()
@pytest.mark.parametrize("length", [1, 2, 8])
@pytest.mark.parametrize("kernel", [(3, 7, 7), (7, 7, 7), (1, 3, 5)])
def test_it_gives_what_the_3d_convolution_gives(kernel, length):
    torch.manual_seed(0)
    padding = tuple(side // 2 for side in kernel)
    conv = nn.Conv3d(3, 4, kernel, (1, 2, 2), padding).double()
    clips = torch.randn(2, 3, length, 10, 12).double()
    torch.testing.assert_close(FramewiseConv3d(conv)(clips), conv(clips))


@torch.no_grad()
def test_the_network_around_it_stays_the_same(make_network):
    _, model = make_network("stma")
    net, clips = model.backbone_3d, torch.randn(2, 3, 8, 64, 64)
    expected = net(clips)
    with_framewise_stem(net)
    assert isinstance(net.conv1, FramewiseConv3d)
    torch.testing.assert_close(net(clips), expected, atol=1e-4, rtol=1e-4)


def test_other_networks_are_left_alone():
    class Other(SmallResNeXt3D):
        def forward(self, x):
            return self.conv1(x)

    net = Other(4)
    with_framewise_stem(net)
    assert isinstance(net.conv1, nn.Conv3d)
