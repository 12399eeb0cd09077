"""Overlap of boxes whose corner pixels belong to the box."""

from __future__ import annotations

import numpy as np


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """Areas in pixels of (..., 4) boxes x1, y1, x2, y2: sides are x2 - x1 + 1 and y2 - y1 + 1."""
    return (boxes[..., 2] - boxes[..., 0] + 1) * (boxes[..., 3] - boxes[..., 1] + 1)


def box_iou(first: np.ndarray, second: np.ndarray, *, add_one_last: bool = False) -> np.ndarray:
    """Intersection over union of inclusive boxes, as all evaluators of the ACT family take it.

    The arithmetic is that of the inputs: float32 stays float32, float64 against float32 rounds
    as numpy does. A box without area (x2 < x1) has overlap 0 with everything, itself included.

    Args:
        first: (..., 4) boxes x1, y1, x2, y2.
        second: (..., 4) boxes; leading axes broadcast against those of ``first``.
        add_one_last: the side of the intersection is ``(min x2 - max x1) + 1`` instead of
            ``(min x2 + 1) - max x1``. Only the rounding differs, but thresholds see it: ACT's and
            MOC's non-maximum suppression computes the former, their linking and matching the
            latter.

    Returns:
        Overlaps in [0, 1], of the broadcast leading shape.
    """
    width = _shared_side(first, second, 0, add_one_last)
    height = _shared_side(first, second, 1, add_one_last)
    shared = np.multiply(width, height, out=width)
    union = np.add(box_areas(first), box_areas(second), out=height)
    union -= shared
    # Never reached by boxes that overlap: it keeps two boxes without area from giving 0 / 0.
    np.maximum(union, np.finfo(union.dtype).tiny, out=union)
    return np.divide(shared, union, out=shared)


def _shared_side(
    first: np.ndarray, second: np.ndarray, axis: int, add_one_last: bool
) -> np.ndarray:
    low = np.maximum(first[..., axis], second[..., axis])
    if add_one_last:
        side = np.asarray(np.minimum(first[..., axis + 2], second[..., axis + 2]))
        side -= low
        side += 1
    else:
        side = np.asarray(np.minimum(first[..., axis + 2] + 1, second[..., axis + 2] + 1))
        side -= low
    return np.maximum(side, 0, out=side)
