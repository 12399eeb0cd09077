"""ResNet-18 with deformable upsampling, the lighter 2D backbone that MOC offers."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY
from torch import nn
from torchvision.models import resnet18

from .deform import DeformBlock
from .upsample import bilinear_kernel

# Channels after each doubling of the map, from stride 32 to 4.
_UP_CHANNELS = (256, 128, 64)


class DeformUp(nn.Module):
    """A deformable block, then a transposed convolution that doubles the map."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.project = DeformBlock(in_channels, out_channels)
        self.upsample = nn.ConvTranspose2d(
            out_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels)
        # Each channel starts as its own interpolation. MOC fills only the weights that lead to the
        # first output channel, by oversight it seems; trained weights load either way.
        with torch.no_grad():
            self.upsample.weight.zero_()
            self.upsample.weight[range(out_channels), range(out_channels)] = bilinear_kernel(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, 2 H, 2 W)."""
        return nn.functional.relu(self.norm(self.upsample(self.project(x))), inplace=True)


class ResNet18(nn.Module):
    """torchvision's ResNet-18 without its classifier, and three doublings back to stride 4.

    The layout is that of CenterNet's and MOC's ResNet-18;
    :func:`stma_d2.checkpoint.convert_resnet18` renames their weights.
    """

    size_divisibility = 32

    def __init__(self) -> None:
        super().__init__()
        layers = OrderedDict(resnet18(weights=None).named_children())
        del layers["avgpool"], layers["fc"]
        self.base = nn.Sequential(layers)
        self.up = nn.Sequential(*(DeformUp(c, out) for c, out in pairwise((512, *_UP_CHANNELS))))

    def output_shape(self) -> dict[str, ShapeSpec]:
        """Channels and stride of the map that ``forward`` returns."""
        return {"features": ShapeSpec(channels=_UP_CHANNELS[-1], stride=4)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map normalized frames (N, 3, H, W) to (N, 64, H / 4, W / 4) for multiples of 32."""
        return self.up(self.base(x))


@BACKBONE_REGISTRY.register()
def build_resnet18_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> ResNet18:
    """Build :class:`ResNet18`; it has no options and takes three channels."""
    return ResNet18()
