"""What a detector needs of a network, whatever computes it, and the decoding that all share.

Shapes: B windows, D frames that some snippet holds, K snippet frames, T clip frames, N tubelets of
a window, C classes, h' x w' map of the 3D backbone and the action head.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import nn

from .box_coder import BoxCoder
from .decoding import class_scores, find_peaks, follow_centers, read_boxes
from .features import FrameFeatures, WindowMaps
from .point_sample import point_sample


class TubeletNetwork(nn.Module, ABC):
    """The steps of inference: `frame_features` and `clip_features`, then `detect`.

    They keep nothing. `TubeletDetector` takes them through a video.

    Attributes:
        box_coder: tells boxes from the size maps' numbers.
        num_classes: C.
        tubelets_per_window: N.
        stride: network-input pixels per pixel of the heat maps.
    """

    box_coder: BoxCoder
    num_classes: int
    tubelets_per_window: int
    stride: int

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the steps take and give their tensors."""

    @property
    @abstractmethod
    def has_clips(self) -> bool:
        """Whether there is a 3D backbone."""

    @property
    @abstractmethod
    def action_stride(self) -> int:
        """Network-input pixels per pixel of the class map; only with an action head."""

    @abstractmethod
    def frame_features(self, frames: torch.Tensor) -> FrameFeatures:
        """Compute everything that depends on one frame alone.

        Args:
            frames: (D, 3, H, W) uint8 BGR.
        """

    @abstractmethod
    def clip_features(
        self, frames: torch.Tensor, clip_index: torch.Tensor, clips_per_pass: int | None = None
    ) -> torch.Tensor:
        """Run the 3D backbone; only for a network that has one.

        Args:
            frames: (F, 3, H, W) uint8 BGR.
            clip_index: (B, T) int64, positions in ``frames`` of each clip's.
            clips_per_pass: how many clips are worked on at a time; None: all.

        Returns:
            (B, c', T', h', w').
        """

    @abstractmethod
    def window_maps(
        self, frames: FrameFeatures, snippet_index: torch.Tensor, clips: torch.Tensor | None
    ) -> WindowMaps:
        """Run the heads that see whole snippets; arguments as for `detect`."""

    def inference_network(self, amp: bool) -> Callable[[], TubeletNetwork]:
        """What gives the network as inference runs it, with its present weights.

        Args:
            amp: whether 16 bits are asked for.
        """
        return lambda: self

    def detect(
        self,
        frames: FrameFeatures,
        snippet_index: torch.Tensor,
        clips: torch.Tensor | None,
        mirrored: tuple[FrameFeatures, torch.Tensor | None] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Detect the tubelets of B windows (paper, section 2.5), in single precision.

        Args:
            frames: of D frames, from `frame_features`.
            snippet_index: (B, K) int64, positions of each window's snippet among these frames.
            clips: (B, c', T', h', w') from `clip_features`; None without a 3D backbone.
            mirrored: ``frames`` and ``clips`` of the frames mirrored left-right. Heat maps, sizes
                and class logits are then the means of both, the movement stays as it is: MOC's
                rule.

        Returns:
            boxes (B, N, K, 4) on the network's input, not clipped, and scores (B, N, C).
        """
        maps = self.window_maps(frames, snippet_index, clips)
        heatmap = maps.center.float().sigmoid()
        sizes = frames.size[snippet_index]
        if mirrored is not None:
            frames, clips = mirrored
            others = self.window_maps(frames, snippet_index, clips)
            heatmap = (heatmap + others.center.float().sigmoid().flip(-1)) / 2
            sizes = (sizes + self.box_coder.hflip(frames.size[snippet_index])) / 2
        peaks = find_peaks(heatmap, self.tubelets_per_window)
        centers = follow_centers(peaks, maps.movement)
        class_logits = None
        if maps.action is not None:
            points = peaks.pixels_xy.float() * self.stride
            class_logits = point_sample(maps.action, points, self.action_stride)
            if mirrored is not None:
                last_x = heatmap.shape[-1] * self.stride - 1
                points[..., 0] = last_x - points[..., 0]
                there = point_sample(others.action, points, self.action_stride)
                class_logits = (class_logits + there) / 2
        return (
            read_boxes(peaks, centers, sizes, self.box_coder),
            class_scores(peaks, self.num_classes, class_logits),
        )
