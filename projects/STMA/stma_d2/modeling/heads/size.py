"""How large the actors are in each frame: size regression (paper, section 2.4, Eq. 6)."""

from __future__ import annotations

import torch
from detectron2.config import CfgNode, configurable
from torch import nn
from torch.nn import functional as F

from .build import TUBELET_HEAD_REGISTRY
from .layers import two_layer_head

# One unit of a distance before the positive mapping, in network-input pixels: distances of some
# tens of pixels then are numbers of order one for the convolution.
DISTANCE_UNIT = 16.0


@TUBELET_HEAD_REGISTRY.register()
class SizeHead(nn.Module):
    """Extent of the boxes, from one frame's features alone.

    Gaussian regression: 4 channels, the distances from a pixel to the left, top, right and bottom
    side in network-input pixels, positive. Without it (MOC): 2 channels, width and height in
    feature pixels.
    """

    @configurable
    def __init__(
        self, *, in_channels: int, hidden_channels: int, gaussian: bool, norm: str = ""
    ) -> None:
        """Build the head.

        Args:
            in_channels: channels of one frame's features.
            hidden_channels: width of the hidden layer.
            norm: normalization of the hidden layer, see `two_layer_head`.
            gaussian: whether to predict four distances instead of width and height.
        """
        super().__init__()
        self.gaussian = gaussian
        self.layers = two_layer_head(in_channels, hidden_channels, 4 if gaussian else 2, norm)
        if gaussian:
            nn.init.ones_(self.layers[2].bias)

    @classmethod
    def from_config(cls, cfg: CfgNode, channels: int) -> dict:
        """Read MODEL.STMA.SIZE; see `__init__`."""
        stma = cfg.MODEL.STMA
        return {
            "in_channels": channels,
            "hidden_channels": stma.SIZE.HEAD_CHANNELS or stma.HEAD_CHANNELS,
            "norm": stma.HEAD_NORM,
            "gaussian": stma.SIZE.GAUSSIAN,
        }

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (F, c, h, w) of F frames to (F, 4 or 2, h, w)."""
        out = self.layers(features)
        return F.softplus(out.float()) * DISTANCE_UNIT if self.gaussian else out
