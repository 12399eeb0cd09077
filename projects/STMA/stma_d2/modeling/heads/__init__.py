"""The four heads: center, movement, size and action."""

from .action import ActionHead, ChannelAttention, MotionExcitation
from .build import TUBELET_HEAD_REGISTRY
from .center import CenterHead
from .movement import MovementHead
from .size import SizeHead

__all__ = [
    "TUBELET_HEAD_REGISTRY",
    "ActionHead",
    "CenterHead",
    "ChannelAttention",
    "MotionExcitation",
    "MovementHead",
    "SizeHead",
]
