"""To be removed."""

from __future__ import annotations

from collections.abc import Sequence

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
