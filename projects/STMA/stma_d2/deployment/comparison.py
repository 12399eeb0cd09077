"""Whether exported files give what the network gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from fvcore.common.config import CfgNode

from ..data import ArrayReader, ClipDatasetMapper
from ..modeling.network import TubeletNetwork
from ..structures import Sample
from .record import CLIPS, FRAMES, WINDOWS

# Windows of the two samples: several, and just one. Neither is the number that parts are traced by.
_COUNTS = (3, 1)


def compare(
    network: TubeletNetwork, exported: TubeletNetwork, cfg: CfgNode, frames: np.ndarray
) -> dict[str, float]:
    """Measure how far the parts of an exported network are from the network's.

    Both get the frames of a video, and random ones of equal number.

    Args:
        network: as it was exported.
        exported: runs the files.
        cfg: the configuration.
        frames: (n, height, width, 3) uint8 BGR.

    Returns:
        By part: the largest difference of a value of its outputs, divided by the output's largest
        value where that is above 1; NaN if there are any.
    """
    worst: dict[str, list[float]] = {}
    for count in _COUNTS:
        sample = _sample(cfg, frames, count)
        generator = torch.Generator().manual_seed(count)
        noise = torch.randint(256, sample["frames"].shape, dtype=torch.uint8, generator=generator)
        for images in (sample["frames"], noise):
            found = _differences(network, exported, {**sample, "frames": images})
            for part, value in found.items():
                worst.setdefault(part, []).append(value)
    return {part: float(np.max(values)) for part, values in worst.items()}


def _sample(cfg: CfgNode, frames: np.ndarray, count: int) -> Sample:
    """The first windows of a video."""
    reader = ArrayReader(frames)
    height, width = frames[0].shape[:2]
    video = {"video_id": reader.path, "path": reader, "num_frames": len(frames), "tubes": []}
    mapper = ClipDatasetMapper.from_config(cfg, is_train=False)
    windows = np.arange(1, count + 1)
    return mapper({"video": {**video, "height": height, "width": width}, "windows": windows})


def _differences(
    network: TubeletNetwork, exported: TubeletNetwork, sample: Sample
) -> dict[str, float]:
    needed, snippets = sample["snippet_index"].unique(return_inverse=True)
    images = sample["frames"]
    features = network.frame_features(images[needed])
    differences = {FRAMES: _difference(exported.frame_features(images[needed]), features)}
    clips = None
    if network.has_clips:
        clips = network.clip_features(images, sample["clip_index"])
        others = exported.clip_features(images, sample["clip_index"])
        differences[CLIPS] = _largest([others], [clips])
    maps = exported.window_maps(features, snippets, clips)
    differences[WINDOWS] = _difference(maps, network.window_maps(features, snippets, clips))
    return differences


def _difference(found: object, expected: object) -> float:
    """Of two records of tensors."""
    return _largest(*([t for t in vars(x).values() if t is not None] for x in (found, expected)))


def _largest(found: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> float:
    return float(
        np.max(
            [
                float((one - other).abs().max() / other.abs().max().clamp(min=1))
                for one, other in zip(found, expected, strict=True)
            ]
        )
    )
