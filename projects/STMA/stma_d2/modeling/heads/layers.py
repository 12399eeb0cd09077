"""What the localization heads share."""

from __future__ import annotations

from detectron2.layers import Conv2d, get_norm
from torch import nn


def two_layer_head(
    in_channels: int, hidden_channels: int, out_channels: int, norm: str = ""
) -> nn.Sequential:
    """3x3 convolution, ReLU, 1x1 convolution: the head of CenterNet and MOC.

    The map keeps the height and width of the features; all biases start at 0.

    Args:
        in_channels: channels of the features.
        hidden_channels: width of the hidden layer.
        out_channels: channels of the map.
        norm: normalization of the hidden layer, a name of ``detectron2.layers.get_norm``. "" is
            CenterNet's; from random weights and with a high learning rate its hidden units die.
    """
    hidden = Conv2d(
        in_channels,
        hidden_channels,
        kernel_size=3,
        padding=1,
        bias=not norm,
        norm=get_norm(norm, hidden_channels),
    )
    last = nn.Conv2d(hidden_channels, out_channels, kernel_size=1)
    if not norm:
        nn.init.zeros_(hidden.bias)
    nn.init.normal_(last.weight, std=0.001)
    nn.init.zeros_(last.bias)
    return nn.Sequential(hidden, nn.ReLU(inplace=True), last)
