"""What the actors do: Spatio-Temporal Motion Aggregation (paper, section 2.2)."""

from __future__ import annotations

import torch
from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from torch import nn

from ...errors import InputError
from .build import TUBELET_HEAD_REGISTRY


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
    """Channel-wise self-attention: every channel becomes a mixture of all.

    The shares come from the channels' Gram matrix G; the mixture is added with a learnt scale that
    starts at 0.
    """

    def __init__(self, *, unlike: bool = False) -> None:
        """Build; the number of channels is free.

        Args:
            unlike: mix by softmax(max - G), where unlike channels count most, as YOWO and DANet
                (Fu et al., CVPR 2019) do in their code; otherwise by softmax(G), the paper's words.
        """
        super().__init__()
        self.unlike = unlike
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, c, h, w) to the same shape."""
        # The Gram matrix would overflow in half precision, and autocast would compute it so.
        with torch.autocast(features.device.type, enabled=False):
            channels = features.flatten(2).float()  # (B, c, h * w)
            energy = channels @ channels.transpose(1, 2)
            if self.unlike:
                energy = energy.amax(dim=-1, keepdim=True) - energy
            mixture = (energy.softmax(dim=-1) @ channels).view_as(features).to(features.dtype)
        return features + self.scale * mixture


@TUBELET_HEAD_REGISTRY.register()
class ActionHead(nn.Module):
    """Class map from the snippet's 2D features and the clip's 3D features.

    Attributes:
        stride: network-input pixels per pixel of the class map.
    """

    @configurable
    def __init__(
        self,
        *,
        input_shape: ShapeSpec,
        clip_shape: ShapeSpec | None,
        stride_without_clip: int,
        num_frames: int,
        num_classes: int,
        snippet_channels: int,
        fused_channels: int,
        motion_excitation: bool,
        attention: str,
    ) -> None:
        """Build the head.

        Args:
            input_shape: channels c and stride of one frame's 2D features.
            clip_shape: channels c' and stride of the 3D features, which is the class map's; None
                without a 3D branch.
            stride_without_clip: the class map's stride then.
            num_frames: K.
            num_classes: C.
            snippet_channels: c1, channels of a frame after the stride-2 convolutions.
            fused_channels: channels after the fusion.
            motion_excitation: whether to apply `MotionExcitation`.
            attention: "gram", `ChannelAttention`; or "cfam", YOWO's module: two 3x3 convolutions
                and, between them, the attention to unlike channels.

        Raises:
            InputError: if no number of stride-2 convolutions leads from the stride of the 2D
                features to the class map's.
        """
        super().__init__()
        self.stride = clip_shape.stride if clip_shape else stride_without_clip
        clip_channels = clip_shape.channels if clip_shape else 0
        halvings = count_halvings(input_shape.stride, self.stride)
        self.reduce = _stride_2_convolutions(input_shape.channels, snippet_channels, halvings)
        self.excite = MotionExcitation(snippet_channels) if motion_excitation else nn.Identity()
        self.fuse = _convolution(num_frames * snippet_channels + clip_channels, fused_channels, 1)
        if attention == "gram":
            self.attend = ChannelAttention()
        else:
            self.attend = nn.Sequential(
                _convolution(fused_channels, fused_channels, 3),
                ChannelAttention(unlike=True),
                _convolution(fused_channels, fused_channels, 3),
            )
        self.classify = nn.Conv2d(fused_channels, num_classes, kernel_size=3, padding=1)

    @classmethod
    def from_config(
        cls, cfg: CfgNode, input_shape: ShapeSpec, clip_shape: ShapeSpec | None
    ) -> dict:
        """Read MODEL.STMA.ACTION; see `__init__`."""
        action = cfg.MODEL.STMA.ACTION
        return {
            "input_shape": input_shape,
            "clip_shape": clip_shape,
            "stride_without_clip": cfg.MODEL.BACKBONE_3D.OUT_STRIDE,
            "num_frames": cfg.INPUT.SNIPPET_LENGTH,
            "num_classes": cfg.MODEL.STMA.NUM_CLASSES,
            "snippet_channels": action.CHANNELS,
            "fused_channels": action.FUSED_CHANNELS,
            "motion_excitation": action.MOTION_EXCITATION,
            "attention": action.ATTENTION,
        }

    def forward_frames(self, features: torch.Tensor) -> torch.Tensor:
        """Bring features (D, c, h, w) of D frames to the class map's stride: (D, c1, h', w')."""
        return self.reduce(features)

    def forward(
        self, frame_features: torch.Tensor, clip_features: torch.Tensor | None
    ) -> torch.Tensor:
        """Compute the class map.

        Args:
            frame_features: (B, K, c1, h', w'), from `forward_frames`.
            clip_features: (B, c', T', h', w'), or None without a 3D branch.

        Returns:
            (B, C, h', w') class logits.
        """
        aggregated = self.excite(frame_features).flatten(1, 2)
        if clip_features is not None:
            aggregated = torch.cat([aggregated, clip_features.mean(dim=2)], dim=1)
        return self.classify(self.attend(self.fuse(aggregated)))


def count_halvings(fine: int, coarse: int) -> int:
    """How many stride-2 convolutions lead from stride ``fine`` to stride ``coarse``.

    Raises:
        InputError: if no number of them does.
    """
    halvings = max(coarse // fine, 1).bit_length() - 1
    if fine * 2**halvings != coarse:
        raise InputError(
            f"the 2D features have stride {fine}, the action head's class map {coarse} (the 3D "
            "backbone's stride; without one MODEL.BACKBONE_3D.OUT_STRIDE): stride-2 convolutions "
            "lead from one to the other only if their quotient is 1, 2, 4, 8, ...; choose another "
            "MODEL.BACKBONE.OUT_FEATURE or another 3D backbone"
        )
    return halvings


def _stride_2_convolutions(in_channels: int, out_channels: int, count: int) -> nn.Sequential:
    """Halve the map ``count`` times, widening towards ``out_channels``."""
    if not count:
        return nn.Sequential(_convolution(in_channels, out_channels, 3))
    layers, channels = [], in_channels
    for step in range(1, count + 1):
        width = out_channels if step == count else min(in_channels * 2**step, out_channels)
        layers.append(_convolution(channels, width, 3, stride=2))
        channels = width
    return nn.Sequential(*layers)


def _convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
