"""Where the pixels of a video's frame land on the network's input.

Mirror, expand and crop act on whole pixels: a source pixel index x lies at x' = a x + b on a
canvas (a = 1 or -1). The canvas is then resized to the network's input by a factor s, where box
coordinates become s x' (as MOC has it) and image content follows the half-pixel rule of
``cv2.resize``: s (x' + 0.5) - 0.5. Everything is composed first, and each frame warped once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np


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
        expanded: whether the canvas may show more than the frame, which is then surrounded by a
            uniform color.
    """

    width: int
    height: int
    shift_x: int = 0
    shift_y: int = 0
    mirrored: bool = False
    expanded: bool = False

    def mirror(self) -> FrameGeometry:
        """Flip the canvas left-right: x' -> width - 1 - x'."""
        return replace(self, shift_x=self.width - 1 - self.shift_x, mirrored=not self.mirrored)

    def expand(self, width: int, height: int, left: int, top: int) -> FrameGeometry:
        """Put the canvas on a larger one, its corner at (``left``, ``top``)."""
        return replace(
            self,
            width=width,
            height=height,
            shift_x=self.shift_x + left,
            shift_y=self.shift_y + top,
            expanded=True,
        )

    def crop(self, x1: int, y1: int, x2: int, y2: int) -> FrameGeometry:
        """Keep the canvas's pixels ``x1`` .. ``x2``, ``y1`` .. ``y2``, both ends included."""
        return replace(
            self,
            width=x2 - x1 + 1,
            height=y2 - y1 + 1,
            shift_x=self.shift_x - x1,
            shift_y=self.shift_y - y1,
        )

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

    def _scales(self, input_size: tuple[int, int]) -> tuple[float, float]:
        height, width = input_size
        return width / self.width, height / self.height


def warp_frame(
    frame: np.ndarray,
    geometry: FrameGeometry,
    input_size: tuple[int, int],
    fill: tuple[int, int, int],
) -> np.ndarray:
    """Bring a frame to the network's input in one bilinear interpolation.

    Args:
        frame: (h, w, 3) uint8.
        geometry: of the frame.
        input_size: height and width of the input.
        fill: 8-bit color of the canvas around an expanded frame, channels in the frame's order.

    Returns:
        (height, width, 3) uint8.
    """
    height, width = input_size
    if geometry == FrameGeometry(width=frame.shape[1], height=frame.shape[0]):
        return cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)
    # Without a canvas around the frame its edge repeats, which is what cv2.resize does.
    border = cv2.BORDER_CONSTANT if geometry.expanded else cv2.BORDER_REPLICATE
    return cv2.warpAffine(
        frame,
        geometry.warp_matrix(input_size),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=border,
        borderValue=fill,
    )
