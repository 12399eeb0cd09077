"""What a foreign file says, before it becomes annotations; and the rules of pixels and key frames.

A box of ours has inclusive 0-based corners: x2 is the last column of pixels that it covers.
Labelling tools give edges: a box from ``xtl`` to ``xbr`` covers ``xbr - xtl`` columns, and one over
the whole frame has ``xbr`` equal to its width. So x1 = xtl and x2 = xbr - 1, likewise for y.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...errors import InputError
from ...structures import Split

MAX_BOXES = 10_000_000  # that one file may stand for


@dataclass(frozen=True)
class Track:
    """Boxes of one actor who does one thing; not always on consecutive frames.

    Attributes:
        name: for messages.
        label: of the action.
        frames: (n,) int64, 1-based, strictly ascending.
        boxes: (n, 4) float64, x1, y1, x2, y2 as in `Tube`.
        score: 1.0 for ground truth.
    """

    name: str
    label: str
    frames: np.ndarray
    boxes: np.ndarray
    score: float = 1.0


@dataclass
class VideoTracks:
    """One video of a foreign file; what the file does not say is None.

    Attributes:
        name: of the video.
        num_frames: its length.
        height: of its frames, in pixels.
        width: of its frames, in pixels.
        tracks: in the file's order.
    """

    name: str
    num_frames: int | None = None
    height: int | None = None
    width: int | None = None
    tracks: list[Track] = field(default_factory=list)


@dataclass
class Reading:
    """What one file says.

    Attributes:
        source: the file's name, for messages.
        labels: in the file's order; tracks may have others.
        videos: in the file's order.
        splits: of its videos; empty where it says nothing about them.
    """

    source: str
    labels: list[str] = field(default_factory=list)
    videos: list[VideoTracks] = field(default_factory=list)
    splits: tuple[Split, ...] = ()


def from_edges(edges: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom edges (n, 4) -> inclusive corners (n, 4) float64."""
    return np.asarray(edges, np.float64).reshape(-1, 4) - (0, 0, 1, 1)


def to_edges(boxes: np.ndarray) -> np.ndarray:
    """Inclusive corners (n, 4) -> left, top, right, bottom edges (n, 4) float64."""
    return np.asarray(boxes, np.float64).reshape(-1, 4) + (0, 0, 1, 1)


def from_sizes(boxes: np.ndarray) -> np.ndarray:
    """Left, top, width, height (n, 4) -> inclusive corners (n, 4) float64."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    return from_edges(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1))


def to_sizes(boxes: np.ndarray) -> np.ndarray:
    """Inclusive corners (n, 4) -> left, top, width, height (n, 4) float64."""
    edges = to_edges(boxes)
    return np.concatenate([edges[:, :2], edges[:, 2:] - edges[:, :2]], axis=1)


def interpolate(frames: np.ndarray, key_frames: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values between key frames, on straight lines.

    Args:
        frames: (n,), each within the key frames.
        key_frames: (k,), strictly ascending.
        values: (k, d) at the key frames.

    Returns:
        (n, d) float64: ``left + (right - left) * share``, in this order of operations.
    """
    values = np.asarray(values, np.float64)
    left = np.searchsorted(key_frames, frames, side="right") - 1
    right = np.minimum(left + 1, len(key_frames) - 1)
    length = np.maximum(key_frames[right] - key_frames[left], 1)
    share = (frames - key_frames[left]) / length
    return values[left] + (values[right] - values[left]) * share[:, None]


def key_frames_of(edges: np.ndarray, tolerance: float) -> np.ndarray:
    """Which boxes of consecutive frames suffice for `interpolate` to give all of them.

    The first and the last are always kept, and where the others leave the straight line, the box
    that is farthest from it, again and again (Douglas and Peucker, 1973).

    Args:
        edges: (n, 4) float64, n at least 1.
        tolerance: pixels that an edge may be off; 0 keeps all boxes equal in float32.

    Returns:
        (k,) int64, ascending positions.
    """
    kept = {0, len(edges) - 1}
    spans = [(0, len(edges) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        ends = np.array([first, last])
        between = np.arange(first + 1, last)
        lines = interpolate(between, ends, edges[ends])
        error = np.abs(lines - edges[between]).max(axis=1)
        wrong = (
            from_edges(lines).astype(np.float32) != from_edges(edges[between]).astype("f4")
        ).any(axis=1)
        wrong = wrong if tolerance == 0 else error > tolerance
        if wrong.any():
            middle = int(between[np.where(wrong, error, -1).argmax()])
            kept.add(middle)
            spans += [(first, middle), (middle, last)]
    return np.array(sorted(kept), np.int64)


def check_extent(num_boxes: int, source: str) -> None:
    """Refuse a file that stands for more boxes than memory should hold.

    Raises:
        InputError: naming the file.
    """
    if num_boxes > MAX_BOXES:
        raise InputError(
            f"{source} stands for more than {MAX_BOXES} boxes; convert its videos one by one"
        )
