"""Backbones: plain modules with ``forward(x)`` and ``output_shape()``, registered by builders.

Ours map frames (N, 3, H, W) to one map (N, C, H / s, W / s) or several by name, and clips
(N, 3, T, H, W) to (N, C, T', H / s, W / s). The output shape tells each map's stride s, and T' is
T / 16 in the paper's network. Any other of Detectron2's registry serves too: the heads follow from
its ``output_shape()``.
"""

from .build import FeatureBackbone, build_backbone_2d, build_backbone_3d
from .dla import DLA34, build_dla34_backbone
from .folding import fold_batch_norm
from .resnet import ResNet18, build_resnet18_backbone
from .resnext3d import (
    BottleneckNet3D,
    ResNeXt3D,
    ResNeXt3D101,
    SmallResNeXt3D,
    build_resnext3d_backbone,
    build_small_resnext3d_backbone,
)
from .shared_stem import SharedStemNet3D
from .small_resnet import SmallResNet, build_small_resnet_backbone
from .timm_fpn import TimmBackbone, build_timm_fpn_backbone

__all__ = [
    "BottleneckNet3D",
    "DLA34",
    "FeatureBackbone",
    "ResNeXt3D",
    "ResNeXt3D101",
    "ResNet18",
    "SharedStemNet3D",
    "SmallResNeXt3D",
    "SmallResNet",
    "TimmBackbone",
    "build_backbone_2d",
    "build_backbone_3d",
    "build_dla34_backbone",
    "build_resnet18_backbone",
    "build_resnext3d_backbone",
    "build_small_resnet_backbone",
    "build_small_resnext3d_backbone",
    "build_timm_fpn_backbone",
    "fold_batch_norm",
]
