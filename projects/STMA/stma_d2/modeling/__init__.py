"""The network: backbones, heads, losses, decoding, the meta-architecture and its detector."""

from ..detectron2_parts import needs_detectron2
from .detector import DetectorState, TubeletDetector

with needs_detectron2(__name__):
    from .backbone import DLA34, ResNeXt3D101
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
