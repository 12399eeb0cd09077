"""The four heads: center, movement, size and action."""

from .action import ActionHead, ChannelAttention, MotionExcitation
from .build import TUBELET_HEAD_REGISTRY
from .two_conv import (
    SizeHead,
    TwoConvHead,
    build_center_head,
    build_movement_head,
    build_size_head,
)

__all__ = [
    "TUBELET_HEAD_REGISTRY",
    "ActionHead",
    "ChannelAttention",
    "MotionExcitation",
    "SizeHead",
    "TwoConvHead",
    "build_center_head",
    "build_movement_head",
    "build_size_head",
]
