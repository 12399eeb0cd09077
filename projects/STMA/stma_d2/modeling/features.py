"""What the network computes on the way to tubelets: once per frame, and once per window.

Shapes: D frames, B windows, K snippet frames, C classes, C' heat maps (1 or C), h x w map,
h' x w' map at the action head's stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class FrameFeatures:
    """Everything that depends on one frame alone, of D frames: neighboring windows share it.

    Attributes:
        features: (D, c, h, w) of the 2D backbone.
        size: (D, 4 or 2, h, w), the size head's map.
        action: (D, c1, h', w'), the action head's part of it; None without an action head.
    """

    features: torch.Tensor
    size: torch.Tensor
    action: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, item: torch.Tensor | slice) -> FrameFeatures:
        """The features of some frames: (n,) int64 positions on any device, or a slice (no copy)."""
        action = None if self.action is None else self.action[item]
        return FrameFeatures(self.features[item], self.size[item], action)

    @staticmethod
    def cat(parts: Sequence[FrameFeatures]) -> FrameFeatures:
        """The frames of all ``parts``, at least one, in their order."""
        if len(parts) == 1:
            return parts[0]
        has_action = parts[0].action is not None
        return FrameFeatures(
            features=torch.cat([part.features for part in parts]),
            size=torch.cat([part.size for part in parts]),
            action=torch.cat([part.action for part in parts]) if has_action else None,
        )


@dataclass(frozen=True)
class WindowMaps:
    """What the heads that see whole snippets give for B windows.

    Attributes:
        center: (B, C', h, w) logits.
        movement: (B, 2K, h, w) feature pixels.
        action: (B, C, h', w') logits at the action head's stride, or None without action head.
    """

    center: torch.Tensor
    movement: torch.Tensor
    action: torch.Tensor | None
