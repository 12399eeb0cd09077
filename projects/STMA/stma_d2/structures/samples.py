"""What travels from the data set to the network: dicts with known keys.

Letters: W windows of a chunk, F its distinct frames, K snippet frames, T clip frames, M instances,
C' heat maps (1 or the classes), h x w feature map, P samples of a regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np
import torch

from .tube import Tube


class VideoDict(TypedDict):
    """Standard dict of a video, as ``DatasetCatalog`` gives them."""

    video_id: str  # name in the data set
    path: Any  # folder with 00001.jpg ..., or a video file; or an open reader
    num_frames: int
    height: int  # of the video, pixels
    width: int
    tubes: list[Tube]  # ground truth, score 1.0


class WindowsOfVideo(TypedDict, total=False):
    """An item of `WindowIndex` and `ChunkIndex`: what to make one sample of."""

    video: VideoDict
    windows: np.ndarray  # (W,) int64, 1-based first frames
    seed: tuple[int, ...]  # of the augmentation's random numbers; in training
    position: int  # in the stream of training samples


class RegressionSamples(NamedTuple):
    """The pixels of the feature map that train a regression.

    A sample is one pixel for one instance on one frame of the snippet.
    """

    frames: torch.Tensor  # (P,) int64, 0 .. K - 1
    pixels: torch.Tensor  # (P,) int64, flat position y * w + x
    instances: torch.Tensor  # (P,) int64, 0 .. M - 1
    weights: torch.Tensor  # (P,) float32

    @staticmethod
    def cat(
        parts: Sequence[RegressionSamples], first_instances: Sequence[int]
    ) -> RegressionSamples:
        """The samples of several windows together.

        Args:
            parts: one a window.
            first_instances: how many instances the windows before each one have.
        """
        shifted = [
            part._replace(instances=part.instances + first)
            for part, first in zip(parts, first_instances, strict=True)
        ]
        return RegressionSamples(*(torch.cat(field) for field in zip(*shifted, strict=True)))

    def to(self, device: torch.device, non_blocking: bool = False) -> RegressionSamples:
        """The same on ``device``; see ``torch.Tensor.to``."""
        return RegressionSamples(*(field.to(device, non_blocking=non_blocking) for field in self))


class Targets(TypedDict):
    """What the network should answer for one window."""

    labels: torch.Tensor  # (M,) int64
    boxes: torch.Tensor  # (M, K, 4) float32, network-input pixels
    centers: torch.Tensor  # (M, K, 2) float32 x, y of each frame's own center, feature pixels
    heatmap: torch.Tensor  # (C', h, w) float32, of the key frame
    movement: RegressionSamples  # all on the key frame, K // 2
    size: RegressionSamples


class Sample(TypedDict, total=False):
    """The network's input: one chunk of consecutive windows of a video; one window in training."""

    video_id: str
    height: int  # of the video, pixels
    width: int
    windows: torch.Tensor  # (W,) int64, 1-based first frames
    frames: torch.Tensor  # (F, 3, H, W) uint8 BGR, the chunk's distinct frames as network input
    frame_numbers: torch.Tensor  # (F,) int64, 1-based, ascending
    snippet_index: torch.Tensor  # (W, K) int64, positions in ``frames`` of each window's snippet
    clip_index: torch.Tensor  # (W, T) int64, likewise of its clip
    targets: Targets  # in training
    skipped: list[tuple[str, str]]  # video and reason of each clip that this one stands in for
