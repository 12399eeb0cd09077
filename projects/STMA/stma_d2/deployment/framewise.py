"""A 3D convolution as a 2D one, for runtimes that have fast kernels for these only."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ..modeling.backbone import BottleneckNet3D
from ..modeling.backbone.folding import folded_convolution


class FramewiseConv3d(nn.Module):
    """A convolution of stride 1 in time, as a 2D convolution of stacked frames.

    For the stem of a 3D network, whose three channels make stacks of few maps: ONNX Runtime takes
    little more than half the time for all of a small network, and about as much for ResNeXt3D101
    (figures in docs/DEPLOY.md).
    """

    def __init__(self, conv: nn.Conv3d) -> None:
        """Take over the weights of ``conv``, of stride 1 in time and zero padding."""
        super().__init__()
        self.taps, self.pad_time = conv.kernel_size[0], conv.padding[0]
        self.stride, self.padding = conv.stride[1:], conv.padding[1:]
        weight = conv.weight.detach().transpose(1, 2).flatten(1, 2)  # (O, taps C, kh, kw)
        self.weight = nn.Parameter(weight, False)
        self.bias = nn.Parameter(conv.bias.detach(), False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, T, H, W) to (B, O, T', h, w), as the 3D convolution does."""
        frames = F.pad(x.transpose(1, 2), (0, 0, 0, 0, 0, 0, self.pad_time, self.pad_time))
        length = frames.shape[1] - self.taps + 1
        stacks = torch.cat([frames[:, tap : tap + length] for tap in range(self.taps)], dim=2)
        maps = F.conv2d(stacks.flatten(0, 1), self.weight, self.bias, self.stride, self.padding)
        return maps.unflatten(0, (-1, length)).transpose(1, 2)


def with_framewise_stem(net: nn.Module) -> None:
    """Exchange the stem's convolution and normalization of a `BottleneckNet3D`, in place.

    Other networks stay as they are.
    """
    if type(net).forward is BottleneckNet3D.forward:  # a subclass may do more
        net.conv1 = FramewiseConv3d(folded_convolution(net.conv1, net.bn1))
        net.bn1 = nn.Identity()
