"""Tubelets: K boxes that follow one actor through the frames of a snippet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch


class TubeletBoxes:
    """The boxes of N tubelets of one window; a field of Detectron2's ``Instances``.

    Attributes:
        tensor: (N, K, 4) float32, absolute x1, y1, x2, y2 in pixels of the image that the
            ``Instances`` belong to (0-based corners, as the annotations have them).
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        """Wrap ``tensor``, (N, K, 4).

        Raises:
            ValueError: if the tensor has another number of dimensions or another last dimension.
        """
        if tensor.dim() != 3 or tensor.shape[-1] != 4:
            raise ValueError(f"TubeletBoxes takes (N, K, 4), not {tuple(tensor.shape)}")
        self.tensor = tensor.to(torch.float32)

    def __len__(self) -> int:
        return self.tensor.shape[0]

    def __getitem__(self, item: int | slice | torch.Tensor) -> TubeletBoxes:
        """Select tubelets; an ``int`` gives one tubelet with the first dimension kept."""
        if isinstance(item, int):
            return TubeletBoxes(self.tensor[item : item + 1 or None])
        return TubeletBoxes(self.tensor[item])

    def __repr__(self) -> str:
        return f"TubeletBoxes({self.tensor})"

    @property
    def num_frames(self) -> int:
        """K, the number of frames that each tubelet spans."""
        return self.tensor.shape[1]

    @property
    def device(self) -> torch.device:
        """The device that holds the boxes."""
        return self.tensor.device

    def to(self, device: torch.device | str) -> TubeletBoxes:
        """The same boxes on ``device``."""
        return TubeletBoxes(self.tensor.to(device))

    def clip(self, image_size: tuple[int, int]) -> None:
        """Clip in place to the pixels 0 .. width - 1, 0 .. height - 1 of ``image_size`` (h, w)."""
        height, width = image_size
        limits = self.tensor.new_tensor([width - 1, height - 1, width - 1, height - 1])
        self.tensor = torch.minimum(self.tensor.clamp(min=0), limits)

    def scale(self, scale_x: float, scale_y: float) -> None:
        """Multiply x and y coordinates in place."""
        self.tensor = self.tensor * self.tensor.new_tensor([scale_x, scale_y, scale_x, scale_y])

    @classmethod
    def cat(cls, boxes: Sequence[TubeletBoxes]) -> TubeletBoxes:
        """Concatenate along the tubelets; all must span the same K frames.

        Raises:
            ValueError: if ``boxes`` is empty.
        """
        if not boxes:
            raise ValueError("TubeletBoxes.cat needs at least one element to know K")
        return cls(torch.cat([b.tensor for b in boxes]))


@dataclass(frozen=True)
class WindowTubelets:
    """All tubelets of one video, window by window: what linking and the metrics read.

    A window that is absent produced nothing. Windows ascend strictly.

    Attributes:
        windows: (W,) int64, the 1-based first frame of each window.
        boxes: (W, N, K, 4) float32, x1, y1, x2, y2 in the video's own pixels.
        scores: (W, N, C) float32 per class; 0 means "no detection of this class".
    """

    windows: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        """Check that the three arrays fit together.

        Raises:
            ValueError: naming the shapes that disagree, or that the windows do not ascend.
        """
        windows, boxes, scores = (np.asarray(a) for a in (self.windows, self.boxes, self.scores))
        if (
            windows.ndim != 1
            or boxes.ndim != 4
            or boxes.shape[-1] != 4
            or scores.ndim != 3
            or boxes.shape[0] != len(windows)
            or scores.shape[:2] != boxes.shape[:2]
        ):
            raise ValueError(
                "WindowTubelets takes windows (W,), boxes (W, N, K, 4), scores (W, N, C), not "
                f"{windows.shape}, {boxes.shape}, {scores.shape}"
            )
        if np.any(np.diff(windows) <= 0):
            raise ValueError("WindowTubelets takes windows in strictly ascending order")
        object.__setattr__(self, "windows", windows.astype(np.int64, copy=False))
        object.__setattr__(self, "boxes", boxes.astype(np.float32, copy=False))
        object.__setattr__(self, "scores", scores.astype(np.float32, copy=False))

    @property
    def num_frames(self) -> int:
        """K, the number of frames that each tubelet spans."""
        return self.boxes.shape[2]

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return self.scores.shape[2]
