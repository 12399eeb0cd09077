"""How the centers move over the snippet: movement regression (paper, section 2.4, Eq. 4)."""

from __future__ import annotations

import torch
from detectron2.config import CfgNode, configurable
from torch import nn

from ..precision import channels_last_on_gpu
from .build import TUBELET_HEAD_REGISTRY
from .layers import two_layer_head


@TUBELET_HEAD_REGISTRY.register()
class MovementHead(nn.Module):
    """Offsets of each frame's center from the key frame's, read at the key frame's center."""

    @configurable
    def __init__(
        self, *, in_channels: int, num_frames: int, hidden_channels: int, norm: str = ""
    ) -> None:
        """Build the head.

        Args:
            in_channels: channels of one frame's features.
            num_frames: K.
            hidden_channels: width of the hidden layer.
            norm: normalization of the hidden layer, see `two_layer_head`.
        """
        super().__init__()
        self.layers = two_layer_head(
            in_channels * num_frames, hidden_channels, 2 * num_frames, norm
        )

    @classmethod
    def from_config(cls, cfg: CfgNode, channels: int) -> dict:
        """Read MODEL.STMA; see `__init__`."""
        return {
            "in_channels": channels,
            "num_frames": cfg.INPUT.SNIPPET_LENGTH,
            "hidden_channels": cfg.MODEL.STMA.HEAD_CHANNELS,
            "norm": cfg.MODEL.STMA.HEAD_NORM,
        }

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (B, K, c, h, w) to offsets (B, 2K, h, w): x, y per frame, feature pixels."""
        return self.layers(channels_last_on_gpu(features.flatten(1, 2)))
