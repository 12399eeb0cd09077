"""DLA-34 with DLA-Up and deformable convolutions, as CenterNet and MOC use it."""

from __future__ import annotations

from collections.abc import Sequence

import timm
import torch
from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY
from torch import nn

from ...errors import InputError
from .deform import DeformBlock
from .upsample import BilinearUpsample2d

# Strides 4, 8, 16, 32: the base network's levels 2 to 5. Finer levels only lead there.
_LEVELS = (2, 3, 4, 5)


class IterativeUp(nn.Module):
    """Iterative deep aggregation: coarser maps join a fine one, one after the other.

    Each coarser map is projected to the fine map's channels, enlarged to its size, added to the
    result so far, and smoothed by a node (Yu et al., Deep Layer Aggregation, section 3.1).
    """

    def __init__(self, channels: Sequence[int], factors: Sequence[int]) -> None:
        """Prepare for maps of these ``channels``, finest first.

        Args:
            channels: of each map; the first is also the channels of all results.
            factors: how many times finer the first map is than each of the others.
        """
        super().__init__()
        out, *coarser = channels
        self.project = nn.ModuleList(DeformBlock(c, out) for c in coarser)
        self.upsample = nn.ModuleList(BilinearUpsample2d(out, f) for f in factors)
        self.node = nn.ModuleList(DeformBlock(out, out) for _ in coarser)

    def forward(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Join ``maps``, finest first.

        Returns:
            As many maps, all of the finest one's shape: the finest itself, then the result after
            each coarser map has joined. The last one has seen all.
        """
        results = [maps[0]]
        steps = zip(self.project, self.upsample, self.node, maps[1:], strict=True)
        for project, upsample, node, coarse in steps:
            results.append(node(upsample(project(coarse)) + results[-1]))
        return results


class DLAUp(nn.Module):
    """Hierarchical upsampling: from the coarsest pair of levels to all of them, step by step."""

    def __init__(self, channels: Sequence[int]) -> None:
        """Prepare for levels of these ``channels``, finest first, each half as large.

        Args:
            channels: of each level; also of the map that it becomes.
        """
        super().__init__()
        count = len(channels)
        # Step i starts at level count - 2 - i. The levels above it were all brought to the size and
        # channels of the level next to it by the step before.
        self.steps = nn.ModuleList(
            IterativeUp(
                [channels[start]] + [channels[start + 1]] * (count - 1 - start),
                [2] * (count - 1 - start),
            )
            for start in reversed(range(count - 1))
        )

    def forward(self, levels: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return one aggregated map per level, finest first, of the levels' own shapes."""
        maps = list(levels)
        aggregated = [maps[-1]]
        for start, step in zip(reversed(range(len(maps) - 1)), self.steps, strict=True):
            maps[start:] = step(maps[start:])
            aggregated.insert(0, maps[-1])
        return aggregated


class DLA34(nn.Module):
    """The paper's 2D backbone: one frame to a map of stride 4 with 64 channels.

    The base network is timm's ``dla34``. For the same weights the output is CenterNet's and MOC's;
    :func:`stma_d2.checkpoint.convert_dla34` renames theirs.
    """

    OUT_CHANNELS = 64
    size_divisibility = 32

    def __init__(self) -> None:
        """Build with random weights; upsampling starts bilinear, deformable offsets at zero."""
        super().__init__()
        self.base = timm.create_model(
            "dla34", pretrained=False, features_only=True, out_indices=_LEVELS
        )
        channels = self.base.feature_info.channels()
        self.dla_up = DLAUp(channels)
        # The coarsest level has already flowed into the others.
        self.ida_up = IterativeUp(channels[:3], [2, 4])

    def output_shape(self) -> dict[str, ShapeSpec]:
        """Channels and stride of the map that ``forward`` returns."""
        return {"features": ShapeSpec(channels=self.OUT_CHANNELS, stride=4)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute features of frames.

        Args:
            x: (N, 3, H, W) float, normalized frames; H and W are multiples of 32.

        Returns:
            (N, 64, H / 4, W / 4).

        Raises:
            InputError: if H or W is not a multiple of 32.
        """
        height, width = x.shape[-2:]
        if height % self.size_divisibility or width % self.size_divisibility:
            raise InputError(
                f"DLA34 takes frames whose sides are multiples of {self.size_divisibility}, "
                f"not {height} x {width} (height x width); change INPUT.SIZE"
            )
        return self.ida_up(self.dla_up(self.base(x))[:3])[-1]


@BACKBONE_REGISTRY.register()
def build_dla34_backbone(cfg: CfgNode, input_shape: ShapeSpec) -> DLA34:
    """Build :class:`DLA34`; it has no options and takes three channels."""
    return DLA34()
