"""A small 2D backbone for training and testing on the CPU."""

from __future__ import annotations

from itertools import pairwise

import torch
from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, conv1x1, conv3x3


class SmallResNet(nn.Module):
    """One residual block at each of the strides 4, 8, 16, 32, and a path back up to stride 4.

    The way back is a feature pyramid's (Lin et al.): maps of all strides, brought to the same
    channels, are enlarged and added; only the finest sum is smoothed and returned. Batch
    normalization: a training batch holds the snippet frames of all its windows, so that even eight
    windows are enough for the statistics; group normalization trains no better and is slower.
    """

    size_divisibility = 32

    def __init__(self, stem_channels: int) -> None:
        """Build with random weights (Kaiming initialization).

        Args:
            stem_channels: channels of the first convolution and of the blocks at stride 4; the
                coarser blocks have 2, 4, 4 times as many, the output 2 times.
        """
        super().__init__()
        widths = [stem_channels * factor for factor in (1, 2, 4, 4)]
        self._out_channels = 2 * stem_channels
        self.stem = nn.Sequential(
            conv3x3(3, stem_channels, stride=2),
            nn.BatchNorm2d(stem_channels),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.ModuleList(
            _strided_block(in_channels, out_channels)
            for in_channels, out_channels in pairwise([stem_channels, *widths])
        )
        self.laterals = nn.ModuleList(conv1x1(width, self._out_channels) for width in widths)
        self.smooth = nn.Sequential(
            nn.BatchNorm2d(self._out_channels),
            nn.ReLU(inplace=True),
            conv3x3(self._out_channels, self._out_channels),
            nn.BatchNorm2d(self._out_channels),
            nn.ReLU(inplace=True),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def output_shape(self) -> dict[str, ShapeSpec]:
        """Channels and stride of the map that ``forward`` returns."""
        return {"features": ShapeSpec(channels=self._out_channels, stride=4)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute features of frames.

        Args:
            x: (N, 3, H, W) float, normalized frames.

        Returns:
            (N, 2 * stem_channels, H / 4, W / 4), sizes rounded up.
        """
        x = self.stem(x)
        maps = []
        for block, lateral in zip(self.blocks, self.laterals, strict=True):
            x = block(x)
            maps.append(lateral(x))
        total = maps.pop()
        while maps:
            finer = maps.pop()
            total = finer + F.interpolate(total, size=finer.shape[-2:])
        return self.smooth(total)


@BACKBONE_REGISTRY.register()
def build_small_resnet_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> SmallResNet:
    """Build :class:`SmallResNet` of width MODEL.BACKBONE.STEM_CHANNELS; it takes three channels."""
    return SmallResNet(cfg.MODEL.BACKBONE.STEM_CHANNELS)


def _strided_block(in_channels: int, out_channels: int) -> BasicBlock:
    """A residual block that halves the map."""
    projection = nn.Sequential(
        conv1x1(in_channels, out_channels, stride=2), nn.BatchNorm2d(out_channels)
    )
    return BasicBlock(in_channels, out_channels, stride=2, downsample=projection)
