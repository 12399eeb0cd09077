"""Where the actors of the key frame are: center localization (paper, section 2.3)."""

from __future__ import annotations

import math

import torch
from detectron2.config import CfgNode, configurable
from torch import nn

from ..precision import channels_last_on_gpu
from .build import TUBELET_HEAD_REGISTRY
from .layers import two_layer_head

# sigmoid(-2.19) = 0.1: a heat map starts near empty, so that the focal loss does not explode.
PRIOR_PROBABILITY = 0.1


@TUBELET_HEAD_REGISTRY.register()
class CenterHead(nn.Module):
    """Heat map of the key frame's centers from the features of all K snippet frames."""

    @configurable
    def __init__(
        self,
        *,
        in_channels: int,
        num_frames: int,
        hidden_channels: int,
        num_maps: int,
        norm: str = "",
    ) -> None:
        """Build the head.

        Args:
            in_channels: channels of one frame's features.
            num_frames: K.
            hidden_channels: width of the hidden layer.
            norm: normalization of the hidden layer, see `two_layer_head`.
            num_maps: 1 (class-agnostic) or the number of classes.
        """
        super().__init__()
        self.layers = two_layer_head(in_channels * num_frames, hidden_channels, num_maps, norm)
        nn.init.constant_(
            self.layers[2].bias, math.log(PRIOR_PROBABILITY / (1 - PRIOR_PROBABILITY))
        )

    @classmethod
    def from_config(cls, cfg: CfgNode, channels: int) -> dict:
        """Read MODEL.STMA.CENTER; see `__init__`."""
        stma = cfg.MODEL.STMA
        return {
            "in_channels": channels,
            "num_frames": cfg.INPUT.SNIPPET_LENGTH,
            "hidden_channels": stma.HEAD_CHANNELS,
            "norm": stma.HEAD_NORM,
            "num_maps": 1 if stma.CENTER.CLASS_AGNOSTIC else stma.NUM_CLASSES,
        }

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (B, K, c, h, w) to heat map logits (B, num_maps, h, w)."""
        return self.layers(channels_last_on_gpu(features.flatten(1, 2)))
