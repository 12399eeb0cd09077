"""Drawing tubes onto frames."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..structures import Tube

# A frame is enlarged by a whole factor until its shorter side has this many pixels: text on a
# smaller one is not readable.
MIN_SHORT_SIDE = 360
# The trail shows the center on this many past frames.
TRAIL_FRAMES = 30


def class_color(label: int) -> tuple[int, int, int]:
    """A saturated BGR color of its own for each class (hues a golden section apart)."""
    hue = int(180 * (label * 0.618034 % 1))
    hsv = np.uint8([[[hue, 200, 255]]])
    blue, green, red = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red


def draw_tubes(
    frame: np.ndarray, frame_number: int, tubes: Sequence[Tube], labels: Sequence[str]
) -> np.ndarray:
    """Draw the tubes that are alive on one frame: box, label with score, and the center's trail.

    Args:
        frame: (h, w, 3) uint8 BGR; not changed.
        frame_number: its 1-based number.
        tubes: with boxes in the frame's pixels.
        labels: class names.

    Returns:
        (s * h, s * w, 3) uint8 BGR, enlarged by the least whole s that makes text readable.
    """
    factor = max(1, -(-MIN_SHORT_SIDE // min(frame.shape[:2])))
    canvas = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    alive = [tube for tube in tubes if tube.box_at(frame_number) is not None]
    for tube in sorted(alive, key=lambda tube: tube.score):  # the surest on top
        color = class_color(tube.label)
        _draw_trail(canvas, tube, frame_number, factor, color)
        x1, y1, x2, y2 = _to_canvas(tube.box_at(frame_number), factor)
        cv2.rectangle(canvas, (x1, y1), (x2, y2), color, 2, cv2.LINE_AA)
        _draw_text(canvas, f"{labels[tube.label]} {tube.score:.2f}", (x1, y1), color)
    return canvas


def _to_canvas(box: np.ndarray, factor: int) -> list[int]:
    return [round(float(value) * factor) for value in box]


def _draw_trail(
    canvas: np.ndarray, tube: Tube, frame_number: int, factor: int, color: tuple[int, int, int]
) -> None:
    last = frame_number - int(tube.frames[0])
    boxes = tube.boxes[max(0, last - TRAIL_FRAMES) : last + 1]
    centers = np.rint((boxes[:, :2] + boxes[:, 2:]) / 2 * factor).astype(int)
    for age, (start, end) in enumerate(zip(centers[:-1], centers[1:], strict=True)):
        thickness = 1 + round(2 * (age + 1) / len(centers))
        cv2.line(canvas, start.tolist(), end.tolist(), color, thickness, cv2.LINE_AA)
    cv2.circle(canvas, centers[-1].tolist(), 4, color, -1, cv2.LINE_AA)


def _draw_text(
    canvas: np.ndarray, text: str, corner: tuple[int, int], color: tuple[int, int, int]
) -> None:
    """Write dark text on a patch of ``color`` above ``corner``, kept inside the canvas."""
    font, scale, margin = cv2.FONT_HERSHEY_SIMPLEX, 0.45, 3
    (width, height), baseline = cv2.getTextSize(text, font, scale, 1)
    width, height = width + 2 * margin, height + baseline + margin
    x = min(max(corner[0], 0), max(canvas.shape[1] - width, 0))
    y = min(max(corner[1] - height, 0), max(canvas.shape[0] - height, 0))
    cv2.rectangle(canvas, (x, y), (x + width, y + height), color, -1)
    position = (x + margin, y + height - baseline)
    cv2.putText(canvas, text, position, font, scale, (0, 0, 0), 1, cv2.LINE_AA)
