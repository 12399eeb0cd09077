"""Samples of several chunks, brought together for one pass of the network.

Shapes: F distinct frames of all samples, D of them in some snippet, B windows of all samples,
K snippet frames, T clip frames, M instances, C' heat maps (1 or the classes), h x w map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..errors import InputError
from ..structures import RegressionSamples, Sample


@dataclass(frozen=True)
class FrameBatch:
    """Each distinct frame once, and which frames each window needs.

    Attributes:
        frames: (F, 3, H, W) uint8 BGR.
        detected: (D,) int64, positions in ``frames`` of those that some snippet holds.
        snippet_index: (B, K) int64, positions in ``detected``.
        clip_index: (B, T) int64, positions in ``frames``.
    """

    frames: torch.Tensor
    detected: torch.Tensor
    snippet_index: torch.Tensor
    clip_index: torch.Tensor


@dataclass(frozen=True)
class TargetBatch:
    """The targets of B windows; instances carry the number of their window.

    Attributes:
        heatmap: (B, C', h, w) float32.
        windows: (M,) int64, 0 .. B - 1.
        labels: (M,) int64.
        boxes: (M, K, 4) float32, network-input pixels.
        centers: (M, K, 2) float32, x and y in feature pixels.
        movement, size: the samples of each regression.
    """

    heatmap: torch.Tensor
    windows: torch.Tensor
    labels: torch.Tensor
    boxes: torch.Tensor
    centers: torch.Tensor
    movement: RegressionSamples
    size: RegressionSamples


def batch_frames(samples: Sequence[Sample], device: torch.device) -> FrameBatch:
    """Gather the samples' frames and indices on ``device``.

    Raises:
        InputError: if the samples' frames differ in size.
    """
    sizes = {tuple(sample["frames"].shape[1:]) for sample in samples}
    if len(sizes) > 1:
        raise InputError(f"the frames of a batch must have one size, not {sorted(sizes)}")
    firsts = _firsts([len(sample["frames"]) for sample in samples])
    snippets = torch.cat([s["snippet_index"] + f for s, f in zip(samples, firsts, strict=True)])
    clips = torch.cat([s["clip_index"] + f for s, f in zip(samples, firsts, strict=True)])
    detected, snippet_index = snippets.unique(return_inverse=True)
    return FrameBatch(
        frames=torch.cat([sample["frames"].to(device, non_blocking=True) for sample in samples]),
        detected=detected.to(device, non_blocking=True),
        snippet_index=snippet_index.to(device, non_blocking=True),
        clip_index=clips.to(device, non_blocking=True),
    )


def batch_targets(samples: Sequence[Sample], device: torch.device) -> TargetBatch:
    """Gather the targets of training samples (one window each) on ``device``."""
    targets = [sample["targets"] for sample in samples]
    counts = [len(target["labels"]) for target in targets]
    firsts = _firsts(counts)
    fields = {
        "heatmap": torch.stack([target["heatmap"] for target in targets]),
        "windows": torch.repeat_interleave(torch.tensor(counts)),
    }
    for name in ("labels", "boxes", "centers"):
        fields[name] = torch.cat([target[name] for target in targets])
    for name in ("movement", "size"):
        fields[name] = RegressionSamples.cat([target[name] for target in targets], firsts)
    return TargetBatch(**{k: v.to(device, non_blocking=True) for k, v in fields.items()})


def _firsts(counts: Sequence[int]) -> list[int]:
    """How many elements the parts before each one hold."""
    return torch.tensor([0, *counts[:-1]]).cumsum(0).tolist()
