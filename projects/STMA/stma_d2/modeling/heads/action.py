"""What the actors do: Spatio-Temporal Motion Aggregation (paper, section 2.2)."""

from __future__ import annotations

import torch
from detectron2.config import CfgNode, configurable
from torch import nn

from .build import TUBELET_HEAD_REGISTRY

# From the 2D features' stride 4 to the 3D features' stride 32.
NUM_STRIDE_2_CONVOLUTIONS = 3


class MotionExcitation(nn.Module):
    """Strengthens the channels that change from frame to frame (Eq. 1 and 2)."""

    def __init__(self, channels: int) -> None:
        """Build for ``channels`` = c1.

        The convolution on the next frame works channel by channel, as in the two papers that the
        equation follows (STM, TEA).
        """
        super().__init__()
        self.next_frame = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.mask = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, K, c1, h, w) to f + f * M of the same shape."""
        following = self.next_frame(features[:, 1:].flatten(0, 1)).view_as(features[:, 1:])
        motion = following - features[:, :-1]
        motion = torch.cat([motion, torch.zeros_like(features[:, :1])], dim=1)  # Eq. 2
        pooled = motion.mean(dim=(3, 4)).flatten(0, 1)[..., None, None]
        mask = self.mask(pooled).sigmoid()  # (B * K, c1, 1, 1)
        return features + features * mask.view(*features.shape[:3], 1, 1)


class ChannelAttention(nn.Module):
    """Channel-wise self-attention: every channel becomes a mixture of those alike.

    The attention is the softmax of the channels' Gram matrix; the mixture is added with a learnt
    scale that starts at 0.
    """

    def __init__(self) -> None:
        """Build; the number of channels is free."""
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, c, h, w) to the same shape."""
        # The Gram matrix would overflow in half precision, and autocast would compute it so.
        with torch.autocast(features.device.type, enabled=False):
            channels = features.flatten(2).float()  # (B, c, h * w)
            attention = (channels @ channels.transpose(1, 2)).softmax(dim=-1)
            mixture = (attention @ channels).view_as(features).to(features.dtype)
        return features + self.scale * mixture


@TUBELET_HEAD_REGISTRY.register()
class ActionHead(nn.Module):
    """Class map at stride 32 from the snippet's 2D features and the clip's 3D features."""

    @configurable
    def __init__(
        self,
        *,
        in_channels: int,
        clip_channels: int,
        num_frames: int,
        num_classes: int,
        snippet_channels: int,
        fused_channels: int,
        motion_excitation: bool,
    ) -> None:
        """Build the head.

        Args:
            in_channels: c, channels of one frame's 2D features.
            clip_channels: channels of the 3D features; 0 without a 3D branch.
            num_frames: K.
            num_classes: C.
            snippet_channels: c1, channels of a frame after the stride-2 convolutions.
            fused_channels: channels after the fusion.
            motion_excitation: whether to apply `MotionExcitation`.
        """
        super().__init__()
        self.clip_channels = clip_channels
        self.reduce = _stride_2_convolutions(in_channels, snippet_channels)
        self.excite = MotionExcitation(snippet_channels) if motion_excitation else nn.Identity()
        self.fuse = _convolution(num_frames * snippet_channels + clip_channels, fused_channels, 1)
        self.attend = ChannelAttention()
        self.classify = nn.Conv2d(fused_channels, num_classes, kernel_size=3, padding=1)

    @classmethod
    def from_config(cls, cfg: CfgNode, channels: int, clip_channels: int) -> dict:
        """Read MODEL.STMA.ACTION; see `__init__`."""
        action = cfg.MODEL.STMA.ACTION
        return {
            "in_channels": channels,
            "clip_channels": clip_channels,
            "num_frames": cfg.INPUT.SNIPPET_LENGTH,
            "num_classes": cfg.MODEL.STMA.NUM_CLASSES,
            "snippet_channels": action.CHANNELS,
            "fused_channels": action.FUSED_CHANNELS,
            "motion_excitation": action.MOTION_EXCITATION,
        }

    def forward_frames(self, features: torch.Tensor) -> torch.Tensor:
        """Bring features (F, c, h, w) of F frames from stride 4 to stride 32: (F, c1, h/8, w/8)."""
        return self.reduce(features)

    def forward(
        self, frame_features: torch.Tensor, clip_features: torch.Tensor | None
    ) -> torch.Tensor:
        """Compute the class map.

        Args:
            frame_features: (B, K, c1, h/8, w/8), from `forward_frames`.
            clip_features: (B, clip_channels, T', h/8, w/8), or None without a 3D branch.

        Returns:
            (B, C, h/8, w/8) class logits.
        """
        aggregated = self.excite(frame_features).flatten(1, 2)
        if clip_features is not None:
            aggregated = torch.cat([aggregated, clip_features.mean(dim=2)], dim=1)
        return self.classify(self.attend(self.fuse(aggregated)))


def _stride_2_convolutions(in_channels: int, out_channels: int) -> nn.Sequential:
    """Halve the map three times, widening towards ``out_channels``."""
    layers, channels = [], in_channels
    for step in range(1, NUM_STRIDE_2_CONVOLUTIONS + 1):
        last = step == NUM_STRIDE_2_CONVOLUTIONS
        width = out_channels if last else min(in_channels * 2**step, out_channels)
        layers.append(_convolution(channels, width, 3, stride=2))
        channels = width
    return nn.Sequential(*layers)


def _convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
