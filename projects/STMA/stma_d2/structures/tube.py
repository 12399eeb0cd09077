"""Tubes: video-level action instances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tube:
    """One action instance in a video.

    Attributes:
        frames: (n,) int64, consecutive 1-based frame numbers.
        boxes: (n, 4) float32, x1, y1, x2, y2 in the video's own pixels (0-based corners).
        label: 0-based class index.
        score: confidence of the whole tube (1.0 for ground truth).
    """

    frames: np.ndarray
    boxes: np.ndarray
    label: int
    score: float = 1.0

    def __len__(self) -> int:
        return len(self.frames)

    def box_at(self, frame: int) -> np.ndarray | None:
        """The (4,) box on 1-based ``frame``, or None outside the tube."""
        index = frame - int(self.frames[0]) if len(self.frames) else -1
        return self.boxes[index] if 0 <= index < len(self.frames) else None
