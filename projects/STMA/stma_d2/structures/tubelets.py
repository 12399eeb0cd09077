"""Tubelets: K boxes that follow one actor through the frames of a snippet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

Array = np.ndarray | torch.Tensor


@dataclass(frozen=True)
class Tubelets:
    """The tubelets of W windows of one video: N a window, K boxes each, scored for C classes.

    The one record from the decoder to the linker. Its fields are numpy arrays or tensors, all three
    of one kind.

    Attributes:
        windows: (W,) int64, the 1-based first frame of each window, ascending.
        boxes: (W, N, K, 4) float32 x1, y1, x2, y2, absolute pixels (0-based corners, as the
            annotations have them).
        scores: (W, N, C) float32: center probability times class probability; 0 means "no detection
            of this class".
    """

    windows: Array
    boxes: Array
    scores: Array

    def __post_init__(self) -> None:
        """Check that the three fields fit together.

        Raises:
            ValueError: if their kinds or shapes disagree, or if windows in an array do not ascend.
        """
        if len({isinstance(field, np.ndarray) for field in vars(self).values()}) != 1:
            raise ValueError("Tubelets takes three arrays or three tensors, not some of each")
        shapes = tuple(tuple(field.shape) for field in (self.windows, self.boxes, self.scores))
        windows, boxes, scores = shapes
        if (
            (len(windows), len(boxes), len(scores)) != (1, 4, 3)
            or boxes[3] != 4
            or windows[0] != boxes[0]
            or boxes[:2] != scores[:2]
        ):
            raise ValueError(
                "Tubelets takes windows (W,), boxes (W, N, K, 4) and scores (W, N, C), not "
                f"{windows}, {boxes} and {scores}"
            )
        if isinstance(self.windows, np.ndarray):  # a tensor may lie on a GPU, which would wait
            if np.any(np.diff(self.windows) <= 0):
                raise ValueError("Tubelets takes windows in strictly ascending order")
            object.__setattr__(self, "windows", self.windows.astype(np.int64, copy=False))
            object.__setattr__(self, "boxes", self.boxes.astype(np.float32, copy=False))
            object.__setattr__(self, "scores", self.scores.astype(np.float32, copy=False))

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, item: slice | Array) -> Tubelets:
        """Some of the windows: a slice, positions (n,) or a mask (W,)."""
        return Tubelets(self.windows[item], self.boxes[item], self.scores[item])

    @property
    def num_frames(self) -> int:
        """K, the number of frames that each tubelet spans."""
        return self.boxes.shape[2]

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return self.scores.shape[2]

    @staticmethod
    def cat(parts: Sequence[Tubelets]) -> Tubelets:
        """The windows of all ``parts``, one after the other.

        Raises:
            ValueError: if ``parts`` is empty, or they differ in N, K or C.
        """
        if not parts:
            raise ValueError("Tubelets.cat needs at least one element to know N, K and C")
        if len({(part.boxes.shape[1:], part.scores.shape[1:]) for part in parts}) > 1:
            raise ValueError("Tubelets.cat takes parts of the same N, K and C")
        join = torch.cat if isinstance(parts[0].boxes, torch.Tensor) else np.concatenate
        return Tubelets(
            join([part.windows for part in parts]),
            join([part.boxes for part in parts]),
            join([part.scores for part in parts]),
        )

    def to(self, device: torch.device | str) -> Tubelets:
        """The same tensors on ``device``."""
        return Tubelets(self.windows.to(device), self.boxes.to(device), self.scores.to(device))

    def numpy(self) -> Tubelets:
        """The same as arrays, which share the tensors' memory where these lie on the CPU."""
        if isinstance(self.boxes, np.ndarray):
            return self
        fields = (self.windows, self.boxes.float(), self.scores.float())
        return Tubelets(*(field.detach().cpu().numpy() for field in fields))

    def scale(self, scale_x: float, scale_y: float) -> Tubelets:
        """The same with x and y coordinates multiplied."""
        return self._with_sides(lambda x: x * scale_x, lambda y: y * scale_y)

    def clip(self, image_size: tuple[int, int]) -> Tubelets:
        """The same, clipped to the pixels 0 .. width - 1, 0 .. height - 1 of (height, width)."""
        height, width = image_size
        return self._with_sides(lambda x: x.clip(0, width - 1), lambda y: y.clip(0, height - 1))

    def _with_sides(
        self, change_x: Callable[[Array], Array], change_y: Callable[[Array], Array]
    ) -> Tubelets:
        """Change x and y apart, by numbers: a GPU would be waited for to get them as a tensor."""
        stack = torch.stack if isinstance(self.boxes, torch.Tensor) else np.stack
        x, y = change_x(self.boxes[..., 0::2]), change_y(self.boxes[..., 1::2])
        boxes = stack([x, y], -1).reshape(self.boxes.shape)
        return Tubelets(self.windows, boxes, self.scores)
