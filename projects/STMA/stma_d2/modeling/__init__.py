"""The network: backbones, heads, losses, decoding and the meta-architecture."""

from .backbone import DLA34, ResNeXt3D101
from .heads import TUBELET_HEAD_REGISTRY
from .meta_arch import STMA
from .sliding_window import SlidingWindow

__all__ = ["DLA34", "STMA", "TUBELET_HEAD_REGISTRY", "ResNeXt3D101", "SlidingWindow"]
