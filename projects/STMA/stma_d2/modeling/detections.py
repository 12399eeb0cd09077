"""Tubelets of many windows as two tensors, and as Detectron2's ``Instances``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from detectron2.structures import Instances

from .tubelet_boxes import TubeletBoxes


@dataclass(frozen=True)
class WindowDetections:
    """The tubelets of B windows (N each, K boxes each, C classes) on the network's input.

    Attributes:
        boxes: (B, N, K, 4) float32 x1, y1, x2, y2 in network-input pixels, not clipped.
        scores: (B, N, C) float32, best center first; 0 means "not this class".
    """

    boxes: torch.Tensor
    scores: torch.Tensor

    def to(self, device: torch.device | str) -> WindowDetections:
        """The same on ``device``: two copies, however many windows."""
        return WindowDetections(self.boxes.to(device), self.scores.to(device))

    def start_copy_to_cpu(self) -> WindowDetections:
        """The same on the CPU: two copies, however many windows.

        From a GPU the copies are only started; they are there once the work given to the GPU so
        far is done.
        """
        tensors = (self.boxes, self.scores)
        return WindowDetections(*(_host_like(t).copy_(t, non_blocking=True) for t in tensors))

    def split(self, counts: list[int]) -> list[WindowDetections]:
        """Cut into parts of so many windows."""
        parts = zip(self.boxes.split(counts), self.scores.split(counts), strict=True)
        return [WindowDetections(boxes, scores) for boxes, scores in parts]

    @classmethod
    def cat(cls, parts: Sequence[WindowDetections]) -> WindowDetections:
        """The windows of all ``parts``, at least one, one after the other."""
        return cls(
            torch.cat([part.boxes for part in parts]), torch.cat([part.scores for part in parts])
        )

    def instances(
        self, windows: torch.Tensor, video_size: tuple[int, int], network_size: tuple[int, int]
    ) -> list[Instances]:
        """Wrap window by window, in the video's own pixels.

        Args:
            windows: (B,) int64, each window's 1-based first frame, on the CPU.
            video_size: height and width of the video.
            network_size: height and width of the network's input.

        Returns:
            For each window ``Instances`` of the video's size with ``tubelets`` (`TubeletBoxes`,
            clipped to the video), ``scores`` (N, C) and ``window`` (N,) int64.
        """
        tubelets = TubeletBoxes(self.boxes.flatten(0, 1))
        tubelets.scale(video_size[1] / network_size[1], video_size[0] / network_size[0])
        tubelets.clip(video_size)
        results = []
        for window, boxes, scores in zip(
            windows.tolist(), tubelets.tensor.view_as(self.boxes), self.scores, strict=True
        ):
            result = Instances(video_size)
            result.tubelets = TubeletBoxes(boxes)
            result.scores = scores
            result.window = torch.full((len(scores),), window)
            results.append(result)
        return results


def _host_like(tensor: torch.Tensor) -> torch.Tensor:
    """Memory of the CPU for ``tensor``, such as a GPU can write to while the CPU goes on."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
