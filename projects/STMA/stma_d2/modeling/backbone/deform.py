"""Modulated deformable convolution whose offsets and modulation come from its own input."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.ops import DeformConv2d

_KERNEL = 3
_TAPS = _KERNEL * _KERNEL


class ModulatedDeformConv2d(DeformConv2d):
    """A 3x3 convolution that looks where it learns to look (Zhu et al., Deformable ConvNets v2).

    A plain 3x3 convolution predicts, for each output pixel and each of the nine taps, an offset
    (dy, dx in pixels of the map) and a weight in 0..1. Both start neutral: no offset, weight 0.5.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """Take maps (N, ``in_channels``, H, W) to (N, ``out_channels``, H, W)."""
        super().__init__(in_channels, out_channels, _KERNEL, padding=1)
        nn.init.zeros_(self.bias)
        # 18 channels of offsets, then 9 of modulation logits: the order of published weights.
        self.offset_mask = nn.Conv2d(in_channels, 3 * _TAPS, _KERNEL, padding=1)
        nn.init.zeros_(self.offset_mask.weight)
        nn.init.zeros_(self.offset_mask.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        # torchvision's kernel takes one dtype for everything, and not every kind of 16 bits: under
        # autocast, which halves what comes from other layers, that is the weights' own.
        dtype = self.weight.dtype
        offset, mask_logits = self.offset_mask(x).to(dtype).split([2 * _TAPS, _TAPS], dim=1)
        return super().forward(x.to(dtype), offset, mask_logits.sigmoid())


class DeformBlock(nn.Module):
    """Modulated deformable convolution, batch normalization, ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """Take maps (N, ``in_channels``, H, W) to (N, ``out_channels``, H, W)."""
        super().__init__()
        self.conv = ModulatedDeformConv2d(in_channels, out_channels)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        return nn.functional.relu(self.norm(self.conv(x)), inplace=True)
