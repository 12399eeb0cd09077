"""What the localization heads share."""

from __future__ import annotations

from torch import nn


def two_layer_head(in_channels: int, hidden_channels: int, out_channels: int) -> nn.Sequential:
    """3x3 convolution, ReLU, 1x1 convolution: the head of CenterNet and MOC.

    The last bias starts at 0; the map keeps the height and width of the features.
    """
    head = nn.Sequential(
        nn.Conv2d(in_channels, hidden_channels, kernel_size=3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden_channels, out_channels, kernel_size=1),
    )
    nn.init.zeros_(head[0].bias)
    nn.init.normal_(head[2].weight, std=0.001)
    nn.init.zeros_(head[2].bias)
    return head
