"""A picture of a clip of each class: a few frames in a row, with the actor's box and its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..data.readers import open_frames
from ..structures import Tube, VideoDict
from .figures import ORANGE, Margins, new_panels, style

SPAN = 16  # consecutive frames that a row is about: the middle ones of the tube
COLUMNS = 6  # frames of it that are shown, evenly spaced
_FRAME_HEIGHT = 1.15  # inches
_TITLE_HEIGHT = 0.32


class _Row(NamedTuple):
    """What a row shows.

    Attributes:
        title: above it.
        pictures: (columns, h, w, 3) uint8 RGB.
        times: of each picture, its place in ``boxes``.
        boxes: (span, 4), x1, y1, x2, y2, of consecutive frames.
    """

    title: str
    pictures: np.ndarray
    times: list[int]
    boxes: np.ndarray


def draw_clip_sheet(clips: Sequence[tuple[str, VideoDict, Tube]]) -> Figure:
    """Draw one row a clip: up to 6 frames, evenly spaced over the 16 in the middle of its tube.

    The white box is the tube's; the orange line, the way of its center from the row's first frame.

    Args:
        clips: title, video and one of its tubes; at least one.

    Raises:
        InputError: naming the file, if a frame cannot be read.
    """
    rows = [_read(*clip) for clip in clips]
    widest = max(row.pictures.shape[2] / row.pictures.shape[1] for row in rows)
    sides = COLUMNS * widest * _FRAME_HEIGHT, _FRAME_HEIGHT + _TITLE_HEIGHT
    with style(row.title for row in rows):
        figure, panels = new_panels(len(rows), 1, sides, Margins(0.1, 0.1, 0, 0))
        for axes, row in zip(panels, rows, strict=True):
            _draw(axes, row)
    return figure


def _read(title: str, video: VideoDict, tube: Tube) -> _Row:
    first = max(len(tube) - SPAN, 0) // 2
    boxes = tube.boxes[first : first + SPAN]
    numbers = tube.frames[first : first + SPAN]
    times = np.unique(np.linspace(0, len(boxes) - 1, COLUMNS).round().astype(int))
    reader = open_frames(video["path"], (video["height"], video["width"]))
    pictures = np.stack(reader.read(numbers[times].tolist()))[..., ::-1]
    title = f"{title}   {video['video_id']}, frames {numbers[0]} to {numbers[-1]}"
    return _Row(title, pictures, times.tolist(), boxes)


def _draw(axes: Axes, row: _Row) -> None:
    width = row.pictures.shape[2]
    axes.imshow(np.concatenate(row.pictures, axis=1))
    centers = (row.boxes[:, :2] + row.boxes[:, 2:]) / 2
    for column, time in enumerate(row.times):
        offset = column * width
        x1, y1, x2, y2 = row.boxes[time]
        corner = (x1 + offset, y1)
        axes.add_patch(Rectangle(corner, x2 - x1, y2 - y1, fill=False, color="white"))
        x, y = centers[: time + 1].T
        axes.plot(
            x + offset, y, color=ORANGE, linewidth=1, marker="o", markersize=2, markevery=[-1]
        )
        if column:
            axes.axvline(offset - 0.5, color="white", linewidth=1)
    axes.set_title(row.title, loc="left")
    axes.set_axis_off()
    axes.set_anchor("W")
