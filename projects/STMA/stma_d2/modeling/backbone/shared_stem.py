"""The 3D network laid out for processors, whose clips share the stem's work on their frames."""

from __future__ import annotations

from collections import defaultdict
from functools import reduce

import torch
from torch import nn
from torch.nn import functional as F

from .folding import folded_convolution
from .resnext3d import Bottleneck3D, BottleneckNet3D

# Frames that a pixel in time of the stem's map sees: the first tap of the kernel that meets a frame
# of the clip and not the padding, then positions of frames.
_Stack = tuple[int, ...]


class SharedStemNet3D(nn.Module):
    """A `BottleneckNet3D` for inference on processors, equal to it up to rounding.

    * Batch normalization is folded into the convolutions.
    * Channels lie last: a 1x1x1 convolution then is one matrix product, which also adds the
      shortcut.
    * The stem's convolution moves by one frame at a time and sees few frames, so clips that
      overlap share its results, also its spatial max pooling: each distinct stack of frames is
      computed once, as a 2D convolution of the stack. Only the clips' ends, which are padded with
      zeros, are each clip's own. Behind the stem nothing can be shared exactly: the max pooling
      goes in steps of two frames, and within two blocks the padding has reached every frame.
    """

    def __init__(self, net: BottleneckNet3D, dtype: torch.dtype) -> None:
        """Take over the weights of ``net``, in evaluation mode, as ``dtype``."""
        super().__init__()
        stem = folded_convolution(net.conv1, net.bn1)
        self.taps, self.padding = stem.kernel_size[0], stem.padding
        self.stem = _weight(stem.weight, dtype, torch.channels_last_3d)  # (O, 3, taps, kh, kw)
        self.stem_bias = _weight(stem.bias, dtype)
        layers = (net.layer1, net.layer2, net.layer3, net.layer4)
        self.blocks = nn.ModuleList(ChannelsLastBlock(b, dtype) for layer in layers for b in layer)

    def forward(
        self, frames: torch.Tensor, clip_index: torch.Tensor, clips_per_pass: int
    ) -> torch.Tensor:
        """Compute features of clips.

        Args:
            frames: (F, 3, H, W) float, normalized.
            clip_index: (B, T) int64, positions in ``frames`` of each clip's.
            clips_per_pass: how many clips go through the blocks together.

        Returns:
            (B, C, T / 16, h', w') of this network's dtype, as `BottleneckNet3D` gives.
        """
        frames = frames.to(self.stem.dtype, memory_format=torch.channels_last)
        clips = [self._stacks(clip) for clip in clip_index.tolist()]
        last_use = {stack: number for number, clip in enumerate(clips) for stack in clip}
        maps: dict[_Stack, torch.Tensor] = {}
        features = []
        with torch.autocast("cpu", enabled=False):
            for first in range(0, len(clips), clips_per_pass):
                together = clips[first : first + clips_per_pass]
                self._add_maps(maps, frames, {stack for clip in together for stack in clip})
                x = torch.stack([self._pool(maps, clip) for clip in together])
                for stack in [s for s in maps if last_use[s] < first + clips_per_pass]:
                    del maps[stack]
                for block in self.blocks:
                    x = block(x)
                features.append(x.permute(0, 4, 1, 2, 3))
        return torch.cat(features)

    def _stacks(self, clip: list[int]) -> list[_Stack]:
        """What the stem's kernel sees at each frame of a clip."""
        half = self.taps // 2
        return [
            (max(half - center, 0), *clip[max(center - half, 0) : center + half + 1])
            for center in range(len(clip))
        ]

    def _add_maps(
        self, maps: dict[_Stack, torch.Tensor], frames: torch.Tensor, stacks: set[_Stack]
    ) -> None:
        """Compute the (h, w, O) maps that are missing, pooled in space, without bias and ReLU."""
        same_taps = defaultdict(list)
        for stack in stacks - maps.keys():
            same_taps[stack[0], len(stack) - 1].append(stack)
        for (tap, count), group in same_taps.items():
            images = [torch.cat([frames[i : i + 1] for i in s[1:]], dim=1) for s in group]
            kernel = self.stem[:, :, tap : tap + count].transpose(1, 2).flatten(1, 2)
            kernel = kernel.contiguous(memory_format=torch.channels_last)
            found = F.conv2d(torch.cat(images), kernel, None, 2, self.padding[1:])
            pooled = F.max_pool2d(found, 3, stride=2, padding=1)
            maps.update(zip(group, pooled.permute(0, 2, 3, 1), strict=True))

    def _pool(self, maps: dict[_Stack, torch.Tensor], clip: list[_Stack]) -> torch.Tensor:
        """The stem's output (T / 2, h, w, O) of a clip: max pooling in time, bias and ReLU."""
        frames = [maps[stack] for stack in clip]
        pooled = [
            reduce(torch.maximum, frames[max(middle - 1, 0) : middle + 2])
            for middle in range(0, len(frames), 2)
        ]
        return torch.stack(pooled).add_(self.stem_bias).relu_()


class ChannelsLastBlock(nn.Module):
    """A `Bottleneck3D` on maps whose channels lie last."""

    def __init__(self, block: Bottleneck3D, dtype: torch.dtype) -> None:
        """Take over the weights of ``block`` as ``dtype``."""
        super().__init__()
        narrow, middle, widen = (
            folded_convolution(getattr(block, f"conv{i}"), getattr(block, f"bn{i}"))
            for i in (1, 2, 3)
        )
        self.stride, self.groups = middle.stride, middle.groups
        self.narrow = _weight(narrow.weight.flatten(1), dtype)
        self.narrow_bias = _weight(narrow.bias, dtype)
        self.middle = _weight(middle.weight, dtype, torch.channels_last_3d)
        self.middle_bias = _weight(middle.bias, dtype)
        self.widen = _weight(widen.weight.flatten(1), dtype)
        self.project, bias = None, widen.bias
        if isinstance(block.downsample, nn.Sequential):
            shortcut = folded_convolution(*block.downsample)
            self.project = _weight(shortcut.weight.flatten(1), dtype)
            bias = bias + shortcut.bias
        self.bias = _weight(bias, dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, T, H, W, C), which is written over, as `Bottleneck3D` does."""
        inner = F.linear(x, self.narrow, self.narrow_bias).relu_().permute(0, 4, 1, 2, 3)
        inner = F.conv3d(inner, self.middle, self.middle_bias, self.stride, 1, 1, self.groups)
        inner = inner.relu_().permute(0, 2, 3, 4, 1).flatten(0, 3)
        if self.project is None:
            x.add_(self.bias)
        else:
            t, h, w = self.stride
            x = F.linear(x[:, ::t, ::h, ::w].contiguous(), self.project, self.bias)
        x.flatten(0, 3).addmm_(inner, self.widen.T)
        return x.relu_()


def _weight(
    tensor: torch.Tensor,
    dtype: torch.dtype,
    layout: torch.memory_format = torch.contiguous_format,
) -> nn.Parameter:
    return nn.Parameter(tensor.detach().to(dtype).contiguous(memory_format=layout), False)
