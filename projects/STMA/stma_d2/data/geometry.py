"""Where the pixels of a video's frame land on the network's input.

Mirror, expand and crop act on whole pixels: a source pixel index x lies at x' = a x + b on a
canvas (a = 1 or -1). The canvas is then resized to the network's input by a factor s, where box
coordinates become s x' (as MOC has it) and image content follows the half-pixel rule of
``cv2.resize``: s (x' + 0.5) - 0.5. Everything is composed first, and each frame warped once.

An input pixel shows the frame where its center lies on one of the frame's pixels, and the canvas's
color elsewhere. (Pixels between the two are not mixed, as they would be if the canvas were painted
first: so the frame alone is warped, and its colors can be distorted afterwards.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

REDUCTIONS = (2, 4, 8)  # of frames in decoding, per side


@dataclass(frozen=True)
class FrameGeometry:
    """The place of a frame's pixels on a canvas.

    A source pixel (x, y) lies at ((-x if mirrored else x) + shift_x, y + shift_y).
    ``FrameGeometry(width, height)`` of a frame's own size leaves the frame as it is.

    Attributes:
        width: of the canvas, pixels of the frame.
        height: of the canvas, pixels of the frame.
        shift_x: b of the x axis.
        shift_y: b of the y axis.
        mirrored: whether a of the x axis is -1.
    """

    width: int
    height: int
    shift_x: int = 0
    shift_y: int = 0
    mirrored: bool = False

    def hflip(self) -> FrameGeometry:
        """Flip the canvas left-right: x' -> width - 1 - x'."""
        return replace(self, shift_x=self.width - 1 - self.shift_x, mirrored=not self.mirrored)

    def expand(self, width: int, height: int, left: int, top: int) -> FrameGeometry:
        """Put the canvas on a larger one, its corner at (``left``, ``top``)."""
        return self._on_canvas(width, height, left, top)

    def crop(self, x1: int, y1: int, x2: int, y2: int) -> FrameGeometry:
        """Keep the canvas's pixels ``x1`` .. ``x2``, ``y1`` .. ``y2``, both ends included."""
        return self._on_canvas(x2 - x1 + 1, y2 - y1 + 1, -x1, -y1)

    def boxes_on_canvas(self, boxes: np.ndarray) -> np.ndarray:
        """Map boxes from the frame to the canvas, where they may reach beyond it.

        Args:
            boxes: (..., 4), x1, y1, x2, y2 in the frame's pixels.

        Returns:
            (..., 4) float64, x1, y1, x2, y2 in the canvas's pixels.
        """
        boxes = np.asarray(boxes, dtype=np.float64)
        if self.mirrored:
            boxes = boxes[..., [2, 1, 0, 3]] * [-1, 1, -1, 1]
        return boxes + [self.shift_x, self.shift_y, self.shift_x, self.shift_y]

    def boxes_on_input(self, boxes: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
        """Map boxes from the frame to the network's input, clipped to the canvas.

        Args:
            boxes: (..., 4), x1, y1, x2, y2 in the frame's pixels.
            input_size: height and width of the input.

        Returns:
            (..., 4) float32, x1, y1, x2, y2 in the input's pixels.
        """
        edges = np.array([self.width - 1, self.height - 1] * 2)
        boxes = np.clip(self.boxes_on_canvas(boxes), 0, edges)
        scale_x, scale_y = self._scales(input_size)
        return (boxes * [scale_x, scale_y, scale_x, scale_y]).astype(np.float32)

    def reduction(self, input_size: tuple[int, int]) -> int:
        """How many times smaller frames may be decoded without loss of resolution.

        Args:
            input_size: height and width of the input.

        Returns:
            the greatest of `REDUCTIONS` that the canvas shrinks by on both axes, or 1.
        """
        shrinks = 1 / max(self._scales(input_size))
        return max((factor for factor in REDUCTIONS if factor <= shrinks), default=1)

    def covered(
        self, frame_size: tuple[int, int], input_size: tuple[int, int]
    ) -> tuple[slice, slice]:
        """Where the network's input shows the frame.

        Args:
            frame_size: height and width of the frame.
            input_size: height and width of the input.

        Returns:
            rows and columns of the input, with starts and stops inside it; they may be empty.
        """
        corners = [[0, 0, frame_size[1] - 1, frame_size[0] - 1]]
        ((left, top, right, bottom),) = self.boxes_on_canvas(np.array(corners)).tolist()
        scale_x, scale_y = self._scales(input_size)
        return (
            _centers_between(scale_y * top, scale_y * (bottom + 1), input_size[0]),
            _centers_between(scale_x * left, scale_x * (right + 1), input_size[1]),
        )

    def visible(self) -> tuple[int, int, int, int]:
        """The frame's pixels x1, y1, x2, y2 at the canvas's corners, both ends included.

        They lie outside the frame where the canvas shows more than it.
        """
        first, last = -self.shift_x, self.width - 1 - self.shift_x
        if self.mirrored:
            first, last = -last, -first
        return first, -self.shift_y, last, self.height - 1 - self.shift_y

    def warp_matrix(self, input_size: tuple[int, int]) -> np.ndarray:
        """The affine map of image content from the frame to the network's input.

        Args:
            input_size: height and width of the input.

        Returns:
            (2, 3) float64 that takes pixel indices (x, y, 1), for ``cv2.warpAffine``.
        """
        scale_x, scale_y = self._scales(input_size)
        a_x = -1.0 if self.mirrored else 1.0
        return np.array(
            [
                [scale_x * a_x, 0.0, scale_x * (self.shift_x + 0.5) - 0.5],
                [0.0, scale_y, scale_y * (self.shift_y + 0.5) - 0.5],
            ]
        )

    def _on_canvas(self, width: int, height: int, left: int, top: int) -> FrameGeometry:
        """Lay the canvas on another one, its corner at (``left``, ``top``)."""
        x, y = self.shift_x + left, self.shift_y + top
        return replace(self, width=width, height=height, shift_x=x, shift_y=y)

    def _scales(self, input_size: tuple[int, int]) -> tuple[float, float]:
        height, width = input_size
        return width / self.width, height / self.height


def warp_frame(
    frame: np.ndarray,
    frame_size: tuple[int, int],
    geometry: FrameGeometry,
    input_size: tuple[int, int],
) -> np.ndarray:
    """Bring a frame to the network's input in one bilinear interpolation.

    Args:
        frame: (h, w, 3) uint8, at full scale or reduced by a whole factor, of which each pixel
            then is the mean of factor x factor pixels.
        frame_size: height and width of the frame at full scale.
        geometry: of the frame at full scale.
        input_size: height and width of the input.

    Returns:
        (rows, columns, 3) uint8, the part of the input that `FrameGeometry.covered` tells.
    """
    rows, columns = geometry.covered(frame_size, input_size)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    if min(size) == 0:
        return np.empty((size[1], size[0], 3), np.uint8)
    factor = frame_size[0] // frame.shape[0]
    x1, y1, x2, y2 = geometry.visible()
    inside = x1 >= 0 and y1 >= 0 and x2 < frame_size[1] and y2 < frame_size[0]
    if inside and not any(edge % factor for edge in (x1, y1, x2 + 1, y2 + 1)):
        # The canvas is a cut of whole pixels, and scaling alone is far faster than warpAffine.
        cut = frame[y1 // factor : (y2 + 1) // factor, x1 // factor : (x2 + 1) // factor]
        resized = cv2.resize(cut, size, interpolation=cv2.INTER_LINEAR)
        return cv2.flip(resized, 1) if geometry.mirrored else resized
    # A pixel i of the reduced frame has its center at factor (i + 0.5) - 0.5 of the frame.
    from_reduced = np.diag([factor, factor, 1.0])
    from_reduced[:2, 2] = (factor - 1) / 2
    matrix = geometry.warp_matrix(input_size) @ from_reduced
    matrix[:, 2] -= [columns.start, rows.start]
    # The frame's edge repeats, which is what cv2.resize does.
    return cv2.warpAffine(
        frame, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _centers_between(low: float, high: float, length: int) -> slice:
    """The pixels i of 0 .. length - 1 with low <= i + 0.5 < high."""
    start, stop = (min(max(math.ceil(edge - 0.5), 0), length) for edge in (low, high))
    return slice(start, stop)
