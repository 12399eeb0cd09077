"""The localization heads of CenterNet and MOC: two convolutions each (paper, 2.3 and 2.4)."""

from __future__ import annotations

import math

import torch
from detectron2.config import CfgNode
from detectron2.layers import Conv2d, ShapeSpec, get_norm
from torch import nn

from ..box_coder import BoxCoder, DistanceCoder, WidthHeightCoder
from ..precision import channels_last_where_faster
from .build import TUBELET_HEAD_REGISTRY

# sigmoid(-2.19) = 0.1: a heat map starts near empty, so that the focal loss does not explode.
PRIOR_PROBABILITY = 0.1


class TwoConvHead(nn.Module):
    """3x3 convolution, ReLU, 1x1 convolution; the map keeps the features' height and width."""

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        norm: str = "",
        initial_bias: float = 0.0,
    ) -> None:
        """Build the head.

        Args:
            in_channels: channels of the features, of all K frames where it sees a snippet.
            hidden_channels: width of the hidden layer.
            out_channels: channels of the map.
            norm: normalization of the hidden layer, a name of ``detectron2.layers.get_norm``. "" is
                CenterNet's; from random weights and with a high learning rate its hidden units die.
            initial_bias: of the map.
        """
        super().__init__()
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
        nn.init.constant_(last.bias, initial_bias)
        self.layers = nn.Sequential(hidden, nn.ReLU(inplace=True), last)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features of B snippets or D frames.

        Args:
            features: (B, K, c, h, w), whose frames are laid behind each other, or (D, c, h, w).

        Returns:
            (B or D, out_channels, h, w).
        """
        if features.dim() == 5:
            features = channels_last_where_faster(features.flatten(1, 2))
        return self.layers(features)


class SizeHead(TwoConvHead):
    """How large the actors are in each frame, from that frame's features alone (Eq. 6).

    Attributes:
        box_coder: what the map's channels mean.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, box_coder: BoxCoder, *, norm: str = ""
    ) -> None:
        super().__init__(
            in_channels,
            hidden_channels,
            box_coder.num_values,
            norm=norm,
            initial_bias=box_coder.initial_bias,
        )
        self.box_coder = box_coder

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (D, c, h, w) of D frames to (D, box_coder.num_values, h, w)."""
        return self.box_coder.activate(super().forward(features))


@TUBELET_HEAD_REGISTRY.register()
def build_center_head(cfg: CfgNode, input_shape: ShapeSpec) -> TwoConvHead:
    """Heat maps of the key frame's centers, as logits: one, or one a class, from K frames."""
    stma = cfg.MODEL.STMA
    return TwoConvHead(
        cfg.INPUT.SNIPPET_LENGTH * input_shape.channels,
        stma.HEAD_CHANNELS,
        1 if stma.CENTER.CLASS_AGNOSTIC else stma.NUM_CLASSES,
        norm=stma.HEAD_NORM,
        initial_bias=math.log(PRIOR_PROBABILITY / (1 - PRIOR_PROBABILITY)),
    )


@TUBELET_HEAD_REGISTRY.register()
def build_movement_head(cfg: CfgNode, input_shape: ShapeSpec) -> TwoConvHead:
    """Offsets x, y of each frame's center from the key frame's, feature pixels, from K frames."""
    num_frames = cfg.INPUT.SNIPPET_LENGTH
    return TwoConvHead(
        num_frames * input_shape.channels,
        cfg.MODEL.STMA.HEAD_CHANNELS,
        2 * num_frames,
        norm=cfg.MODEL.STMA.HEAD_NORM,
    )


@TUBELET_HEAD_REGISTRY.register()
def build_size_head(cfg: CfgNode, input_shape: ShapeSpec) -> SizeHead:
    """Four distances with Gaussian regression, width and height without it (MOC)."""
    stma = cfg.MODEL.STMA
    coder = DistanceCoder if stma.SIZE.GAUSSIAN else WidthHeightCoder
    return SizeHead(
        input_shape.channels,
        stma.SIZE.HEAD_CHANNELS or stma.HEAD_CHANNELS,
        coder(input_shape.stride),
        norm=stma.HEAD_NORM,
    )
