"""Samples of several chunks, brought together for one pass of the network.

Shapes: S samples (chunks), F distinct frames of all samples, D of them in some snippet,
B windows of all samples, K snippet frames, T clip frames, M instances, P and Q regression samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..errors import InputError

Sample = dict[str, object]


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
        windows: (M,) int64.
        labels: (M,) int64.
        boxes: (M, K, 4) float32, network-input pixels.
        centers: (M, K, 2) float32, x and y in feature pixels.
        movement_pixels, movement_instances, movement_weights: (P,).
        size_frames, size_pixels, size_instances, size_weights: (Q,).
    """

    heatmap: torch.Tensor
    windows: torch.Tensor
    labels: torch.Tensor
    boxes: torch.Tensor
    centers: torch.Tensor
    movement_pixels: torch.Tensor
    movement_instances: torch.Tensor
    movement_weights: torch.Tensor
    size_frames: torch.Tensor
    size_pixels: torch.Tensor
    size_instances: torch.Tensor
    size_weights: torch.Tensor


def batch_frames(samples: list[Sample], device: torch.device) -> FrameBatch:
    """Gather the samples' frames and indices on ``device``.

    Raises:
        InputError: if the samples' frames differ in size.
    """
    sizes = {tuple(sample["frames"].shape[1:]) for sample in samples}
    if len(sizes) > 1:
        raise InputError(f"the frames of a batch must have one size, not {sorted(sizes)}")
    counts = torch.tensor([0] + [len(sample["frames"]) for sample in samples[:-1]])
    offsets = counts.cumsum(0).tolist()
    snippets = torch.cat([s["snippet_index"] + o for s, o in zip(samples, offsets, strict=True)])
    clips = torch.cat([s["clip_index"] + o for s, o in zip(samples, offsets, strict=True)])
    detected, snippet_index = snippets.unique(return_inverse=True)
    return FrameBatch(
        frames=torch.cat([sample["frames"].to(device, non_blocking=True) for sample in samples]),
        detected=detected.to(device, non_blocking=True),
        snippet_index=snippet_index.to(device, non_blocking=True),
        clip_index=clips.to(device, non_blocking=True),
    )


def batch_targets(samples: list[Sample], device: torch.device) -> TargetBatch:
    """Gather the targets of training samples (one window each) on ``device``."""
    targets = [sample["targets"] for sample in samples]
    counts = [len(target["labels"]) for target in targets]
    offsets = torch.tensor([0] + counts[:-1]).cumsum(0).tolist()
    fields = {
        name: torch.cat([target[name] for target in targets])
        for name in ("labels", "boxes", "centers")
    }
    for kind in ("movement", "size"):
        fields[f"{kind}_instances"] = torch.cat(
            [t[f"{kind}_instances"] + o for t, o in zip(targets, offsets, strict=True)]
        )
    for name in ("movement_pixels", "movement_weights", "size_frames", "size_pixels"):
        fields[name] = torch.cat([target[name] for target in targets])
    fields["size_weights"] = torch.cat([target["size_weights"] for target in targets])
    fields["heatmap"] = torch.stack([target["heatmap"] for target in targets])
    fields["windows"] = torch.repeat_interleave(torch.tensor(counts))
    return TargetBatch(**{k: v.to(device, non_blocking=True) for k, v in fields.items()})
