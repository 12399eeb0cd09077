"""Reading dense maps at pixels and at points."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def read_pixels(maps: torch.Tensor, rows: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Read the channel vectors of single pixels.

    Args:
        maps: (R, c, h, w).
        rows: (P,) int64, which of the R maps.
        pixels: (P,) int64, flat position y * w + x.

    Returns:
        (P, c).
    """
    return maps.flatten(2)[rows, :, pixels]


def point_sample(maps: torch.Tensor, points_xy: torch.Tensor, stride: int) -> torch.Tensor:
    """Sample maps bilinearly at points of the network's input.

    Pixel i of a map of stride s stands for the input's pixel i * s: that is where the network looks
    around, since its strided convolutions are centered on every second pixel of what they see.
    Outside the outermost pixels the border's value holds.

    Args:
        maps: (B, c, h, w).
        points_xy: (B, N, 2) positions in network-input pixels.
        stride: input pixels per map pixel.

    Returns:
        (B, N, c).
    """
    height, width = maps.shape[-2:]
    # -1 is the first pixel of a row, 1 the last.
    x, y = (2 * points_xy / stride).unbind(-1)
    grid = torch.stack([x / max(width - 1, 1) - 1, y / max(height - 1, 1) - 1], dim=-1)
    sampled = F.grid_sample(
        maps.float(), grid[:, :, None], mode="bilinear", padding_mode="border", align_corners=True
    )
    return sampled[..., 0].transpose(1, 2)
