"""ResNeXt with 3D convolutions, of Hara et al., and a shallow one for the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY
from torch import nn

from .checkpoint_forward import checkpoint_forward

# Bottlenecks in each of the four layers.
BLOCKS_OF_DEPTH = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

_EXPANSION = 2

Stride = tuple[int, int, int]  # in time, height and width


class Bottleneck3D(nn.Module):
    """1x1x1, grouped 3x3x3, 1x1x1 convolutions around a shortcut."""

    def __init__(self, in_channels: int, width: int, cardinality: int, stride: Stride) -> None:
        """Prepare the block.

        Args:
            in_channels: channels of the input.
            width: channels between the convolutions; the output has twice as many.
            cardinality: groups of the 3x3x3 convolution.
            stride: of the 3x3x3 convolution.
        """
        super().__init__()
        out_channels = _EXPANSION * width
        self.conv1 = nn.Conv3d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride, 1, groups=cardinality, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        # "Shortcut B": a projection, only where the shape changes.
        self.downsample = (
            nn.Sequential(
                nn.Conv3d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm3d(out_channels),
            )
            if max(stride) > 1 or in_channels != out_channels
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, T, H, W) to (N, 2 * width, T', H', W'), sizes by stride, rounded up."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class MaxPool3D(nn.MaxPool3d):
    """Max pooling in the input's type, on CPUs too, whose autocast would take it to float32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As ``nn.MaxPool3d``."""
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x)


class BottleneckNet3D(nn.Module):
    """Stem and four layers of 3D bottlenecks, without classifier.

    Modules carry the names that Hara et al.'s published weights use.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        *,
        stem_channels: int,
        stem_kernel: tuple[int, int, int],
        width: int,
        cardinality: int,
        out_stride: int = 32,
        checkpoint_activations: bool = False,
    ) -> None:
        """Build with random weights (Kaiming initialization).

        Args:
            blocks: bottlenecks in each of the four layers.
            stem_channels: channels of the first convolution.
            stem_kernel: its extent in time, height, width; odd numbers.
            width: inner channels of the first layer's bottlenecks; each further layer doubles it.
            cardinality: groups of the bottlenecks' 3x3x3 convolutions.
            out_stride: input pixels per pixel of the output: 32, or 16, where the last layer halves
                the time alone.
            checkpoint_activations: whether training keeps only the input of the stem and of each
                bottleneck, and computes what lies between once more in the backward pass.
        """
        super().__init__()
        self.checkpoint_activations = checkpoint_activations
        self.conv1 = nn.Conv3d(
            3,
            stem_channels,
            stem_kernel,
            stride=(1, 2, 2),
            padding=tuple(k // 2 for k in stem_kernel),
            bias=False,
        )
        self.bn1 = nn.BatchNorm3d(stem_channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = MaxPool3D(3, stride=2, padding=1)
        self._out_stride = out_stride
        channels = stem_channels
        layers = []
        for index, count in enumerate(blocks):
            layer = []
            for block in range(count):
                halves = index > 0 and block == 0
                halves_space = halves and 4 << index <= out_stride
                stride = (1 + halves, 1 + halves_space, 1 + halves_space)
                layer.append(Bottleneck3D(channels, width << index, cardinality, stride))
                channels = _EXPANSION * (width << index)
            layers.append(nn.Sequential(*layer))
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self._out_channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def output_shape(self) -> dict[str, ShapeSpec]:
        """Channels and spatial stride of the map that ``forward`` returns."""
        return {"features": ShapeSpec(channels=self._out_channels, stride=self._out_stride)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute features of clips.

        Args:
            x: (N, 3, T, H, W) float, normalized clips.

        Returns:
            (N, C, T / 16, H / S, W / S), S the output's stride, each size rounded up; before any
            pooling to a vector.
        """
        on_cpu = x.device.type == "cpu" and torch.is_grad_enabled()
        x = self._run(x, self.conv1, self.bn1, self.relu, self.maxpool)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            # PyTorch 2.12's CPU kernel for bfloat16 gradients of 3D weights reads memory that
            # nobody wrote where the clip is shorter than the kernel of 3: within layer 3 of 16
            # frames.
            frames_left = -(-x.shape[2] // layer[0].conv2.stride[0])
            unsafe = on_cpu and frames_left < 3
            with torch.autocast("cpu", enabled=False) if unsafe else nullcontext():
                x = x.float() if unsafe else x
                for block in layer:
                    x = self._run(x, block)
        return x

    def _run(self, x: torch.Tensor, *modules: nn.Module) -> torch.Tensor:
        if self.checkpoint_activations and torch.is_grad_enabled():
            return checkpoint_forward(x, *modules)
        for module in modules:
            x = module(x)
        return x


class ResNeXt3D(BottleneckNet3D):
    """The 3D ResNeXt of Hara et al. (cardinality 32, shortcut B), 2048 channels out.

    For the same weights the output is theirs before the average pool;
    :func:`stma_d2.checkpoint.convert_resnext3d` renames their weights.
    """

    def __init__(
        self, depth: int = 101, *, out_stride: int = 32, checkpoint_activations: bool = False
    ) -> None:
        """Build with random weights.

        Args:
            depth: 50, 101 or 152.
            out_stride: see `BottleneckNet3D`.
            checkpoint_activations: likewise.
        """
        super().__init__(
            BLOCKS_OF_DEPTH[depth],
            stem_channels=64,
            stem_kernel=(7, 7, 7),
            width=128,
            cardinality=32,
            out_stride=out_stride,
            checkpoint_activations=checkpoint_activations,
        )


class ResNeXt3D101(ResNeXt3D):
    """The paper's 3D backbone: :class:`ResNeXt3D` of depth 101."""

    def __init__(self) -> None:
        super().__init__(101)


class SmallResNeXt3D(BottleneckNet3D):
    """One bottleneck a layer and few channels, for the CPU; strides as the large one's."""

    def __init__(
        self, stem_channels: int, *, out_stride: int = 32, checkpoint_activations: bool = False
    ) -> None:
        """Build with random weights.

        Args:
            stem_channels: channels of the first convolution; the output has 16 times as many.
            out_stride: see `BottleneckNet3D`.
            checkpoint_activations: likewise.
        """
        super().__init__(
            (1, 1, 1, 1),
            stem_channels=stem_channels,
            stem_kernel=(3, 7, 7),
            width=stem_channels,
            cardinality=2,
            out_stride=out_stride,
            checkpoint_activations=checkpoint_activations,
        )


@BACKBONE_REGISTRY.register()
def build_resnext3d_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> ResNeXt3D:
    """Build :class:`ResNeXt3D` of MODEL.BACKBONE_3D.DEPTH; it takes three channels."""
    return ResNeXt3D(cfg.MODEL.BACKBONE_3D.DEPTH, **_options(cfg))


@BACKBONE_REGISTRY.register()
def build_small_resnext3d_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> SmallResNeXt3D:
    """Build :class:`SmallResNeXt3D` of width MODEL.BACKBONE_3D.STEM_CHANNELS."""
    return SmallResNeXt3D(cfg.MODEL.BACKBONE_3D.STEM_CHANNELS, **_options(cfg))


def _options(cfg: CfgNode) -> dict[str, Any]:
    """What both networks read of MODEL.BACKBONE_3D."""
    model = cfg.MODEL.BACKBONE_3D
    return {
        "out_stride": model.OUT_STRIDE,
        "checkpoint_activations": model.CHECKPOINT_ACTIVATIONS,
    }
