"""Drawing tubes onto frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import cv2
import numpy as np

from ..structures import Tube
from .text import text_mask

# A frame is enlarged by a whole factor until its shorter side has this many pixels: text on a
# smaller one is not readable.
MIN_SHORT_SIDE = 360
# The trail shows the center on this many past frames.
TRAIL_FRAMES = 30
# Of the drawn frame's shorter side.
_TEXT_HEIGHT, _MIN_TEXT_HEIGHT = 1 / 36, 15  # the latter in pixels
_LINE_WIDTH, _MIN_LINE_WIDTH = 1 / 270, 2

ColorBy = Literal["class", "actor"]
Color = tuple[int, int, int]


class _Patch(NamedTuple):
    """Where a label lies, in pixels of the canvas."""

    x: int
    y: int
    width: int
    height: int

    def overlaps(self, other: _Patch) -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


def class_color(label: int) -> Color:
    """A saturated BGR color of its own for each class (hues a golden section apart)."""
    hue = int(180 * (label * 0.618034 % 1))
    hsv = np.uint8([[[hue, 200, 255]]])
    blue, green, red = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red


def draw_tubes(
    frame: np.ndarray,
    frame_number: int,
    tubes: Sequence[Tube],
    labels: Sequence[str],
    ids: Sequence[int] | None = None,
    color_by: ColorBy = "class",
    scores: bool = True,
) -> np.ndarray:
    """Draw the tubes that are alive on one frame: box, label with score, and the center's trail.

    Lines and text grow with the frame. Labels lie above their boxes; where one would cover another,
    they are stacked, the surest nearest to the box.

    Args:
        frame: (h, w, 3) uint8 BGR; not changed.
        frame_number: its 1-based number.
        tubes: with boxes in the frame's pixels.
        labels: class names, see `drawable_labels`.
        ids: a number for each tube, written before its label; None: none is written.
        color_by: whether a class or a tube has a color of its own, by its number.
        scores: whether each tube's score is written, which annotations have none of.

    Returns:
        (s * h, s * w, 3) uint8 BGR, enlarged by the least whole s that makes text readable.
    """
    factor = max(1, -(-MIN_SHORT_SIDE // min(frame.shape[:2])))
    canvas = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    short_side = min(canvas.shape[:2])
    line_width = max(round(short_side * _LINE_WIDTH), _MIN_LINE_WIDTH)
    numbers = range(1, len(tubes) + 1) if ids is None else ids
    alive = [
        (tube, number, class_color(number if color_by == "actor" else tube.label))
        for tube, number in zip(tubes, numbers, strict=True)
        if tube.box_at(frame_number) is not None
    ]
    alive.sort(key=lambda item: item[0].score)  # the surest on top
    for tube, _, color in alive:
        _draw_trail(canvas, tube, frame_number, factor, color, line_width)
        x1, y1, x2, y2 = _to_canvas(tube.box_at(frame_number), factor)
        cv2.rectangle(canvas, (x1, y1), (x2, y2), color, line_width, cv2.LINE_AA)
    patches: list[_Patch] = []
    for tube, number, color in reversed(alive):
        words = [] if ids is None else [f"#{number}"]
        words += [labels[tube.label], *([f"{tube.score:.2f}"] if scores else [])]
        text = " ".join(words)
        mask = text_mask(text, max(round(short_side * _TEXT_HEIGHT), _MIN_TEXT_HEIGHT))
        x1, y1, _, _ = _to_canvas(tube.box_at(frame_number), factor)
        patch = _place(canvas, mask, (x1 - line_width // 2, y1), patches)
        patches.append(patch)
        _draw_label(canvas, mask, patch, color)
    return canvas


def _to_canvas(box: np.ndarray, factor: int) -> list[int]:
    return [round(float(value) * factor) for value in box]


def _draw_trail(
    canvas: np.ndarray, tube: Tube, frame_number: int, factor: int, color: Color, line_width: int
) -> None:
    last = frame_number - int(tube.frames[0])
    boxes = tube.boxes[max(0, last - TRAIL_FRAMES) : last + 1]
    centers = np.rint((boxes[:, :2] + boxes[:, 2:]) / 2 * factor).astype(int)
    for age, (start, end) in enumerate(zip(centers[:-1], centers[1:], strict=True)):
        thickness = 1 + round(line_width * (age + 1) / len(centers))
        cv2.line(canvas, start.tolist(), end.tolist(), color, thickness, cv2.LINE_AA)
    cv2.circle(canvas, centers[-1].tolist(), 2 * line_width, color, -1, cv2.LINE_AA)


def _place(
    canvas: np.ndarray, mask: np.ndarray, corner: tuple[int, int], taken: Sequence[_Patch]
) -> _Patch:
    """The patch of a label: above ``corner``, or as near as no other label is covered.

    It stays inside the canvas; a label that is wider is cut at its right.
    """
    rows, columns = canvas.shape[:2]
    margin = max(mask.shape[0] // 5, 2)
    height = min(mask.shape[0] + margin, rows)
    width = min(mask.shape[1] + 2 * margin, columns)
    x = min(max(corner[0], 0), columns - width)
    above = min(max(corner[1] - height, 0), rows - height)
    upwards = range(above, -1, -1)
    downwards = range(above + 1, rows - height + 1)
    for y in (*upwards, *downwards):
        patch = _Patch(x, y, width, height)
        if not any(patch.overlaps(other) for other in taken):
            return patch
    return _Patch(x, above, width, height)


def _draw_label(canvas: np.ndarray, mask: np.ndarray, patch: _Patch, color: Color) -> None:
    """Write the text, dark or white as is easier to read, on a patch of ``color``."""
    x, y, width, height = patch
    canvas[y : y + height, x : x + width] = color
    margin = (width - mask.shape[1]) // 2 if width > mask.shape[1] else 0
    top = max((height - mask.shape[0]) // 2, 0)
    ink = mask[: height - top, : width - margin, None]
    area = canvas[y + top : y + top + ink.shape[0], x + margin : x + margin + ink.shape[1]]
    blue, green, red = color
    text_color = 0 if 0.114 * blue + 0.587 * green + 0.299 * red > 110 else 255
    area[:] = np.rint(area * (1 - ink) + text_color * ink).astype(np.uint8)
