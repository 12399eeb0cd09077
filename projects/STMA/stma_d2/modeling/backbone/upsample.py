"""Bilinear weights for transposed convolutions that enlarge feature maps."""

from __future__ import annotations

import torch
from torch import nn


def bilinear_kernel(factor: int) -> torch.Tensor:
    """The weights with which a transposed convolution interpolates bilinearly.

    Args:
        factor: how many times larger the map becomes; even. The convolution has a kernel of
            ``2 * factor``, stride ``factor`` and padding ``factor // 2``.

    Returns:
        (2 * factor, 2 * factor) float32: the product of two triangles over the half-pixel grid.
    """
    offset = torch.arange(2 * factor, dtype=torch.float32) - (factor - 0.5)
    triangle = 1 - offset.abs() / factor
    return torch.outer(triangle, triangle)


class BilinearUpsample2d(nn.ConvTranspose2d):
    """Enlarge each channel on its own by a learnt kernel that starts as bilinear interpolation."""

    def __init__(self, channels: int, factor: int) -> None:
        """Take maps (N, ``channels``, H, W) to ``factor`` (even) times their height and width."""
        super().__init__(
            channels,
            channels,
            kernel_size=2 * factor,
            stride=factor,
            padding=factor // 2,
            groups=channels,
            bias=False,
        )
        with torch.no_grad():
            self.weight.copy_(bilinear_kernel(factor).expand_as(self.weight))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, channels, H, W) to (N, channels, factor * H, factor * W)."""
        if x.device.type != "cpu":
            return super().forward(x)
        # With 16 bits processors take twenty times as long.
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.to(self.weight.dtype))
