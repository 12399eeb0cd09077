"""The network: backbones, heads, losses, decoding, the meta-architecture and its detector."""

from .backbone import DLA34, ResNeXt3D101
from .detector import DetectorState, TubeletDetector
from .heads import TUBELET_HEAD_REGISTRY
from .meta_arch import STMA

__all__ = [
    "DLA34",
    "STMA",
    "TUBELET_HEAD_REGISTRY",
    "DetectorState",
    "ResNeXt3D101",
    "TubeletDetector",
]
