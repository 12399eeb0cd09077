"""Overlap of boxes, whose corners are pixels or points."""

from __future__ import annotations

import numpy as np

from . import kernels


def box_iou(first: np.ndarray, second: np.ndarray, inclusive: bool = True) -> np.ndarray:
    """Intersection over union of boxes, as ACT's and MOC's linking and matching take it.

    The side of the intersection is ``(min x2 + 1) - max x1``. The arithmetic is that of the inputs:
    float32 stays float32, float64 against float32 rounds as numpy does. A box without area
    has overlap 0 with everything, itself included.

    Args:
        first: (..., 4) boxes x1, y1, x2, y2.
        second: (..., 4) boxes; leading axes broadcast against those of ``first``.
        inclusive: corners are pixels that belong to the box, whose width is x2 - x1 + 1. False:
            they are points, and its width is x2 - x1.

    Returns:
        Overlaps in [0, 1], of the broadcast leading shape.
    """
    corner = int(inclusive)
    width, height = (_shared_side(first, second, axis, corner) for axis in (0, 1))
    shared = np.multiply(width, height, out=width)
    union = np.add(_areas(first, corner), _areas(second, corner), out=height)
    union -= shared
    # Never reached by boxes that overlap: it keeps two boxes without area from giving 0 / 0.
    np.maximum(union, np.finfo(union.dtype).tiny, out=union)
    return np.divide(shared, union, out=shared)


def _areas(boxes: np.ndarray, corner: int) -> np.ndarray:
    return (boxes[..., 2] - boxes[..., 0] + corner) * (boxes[..., 3] - boxes[..., 1] + corner)


def _shared_side(first: np.ndarray, second: np.ndarray, axis: int, corner: int) -> np.ndarray:
    low = np.maximum(first[..., axis], second[..., axis])
    side = np.asarray(np.minimum(first[..., axis + 2] + corner, second[..., axis + 2] + corner))
    side -= low
    return np.maximum(side, 0, out=side)


def pair_overlaps(boxes: np.ndarray) -> np.ndarray:
    """Overlaps of all pairs within each of many groups, as suppression takes them.

    As :func:`box_iou`, but the side of the intersection is ``(min x2 - max x1) + 1``. Only the
    rounding differs, but thresholds see it: ACT's and MOC's non-maximum suppression computes this,
    their linking and matching the other.

    Args:
        boxes: (G, P, K, 4) float32 x1, y1, x2, y2: G groups of P members, each of K boxes.

    Returns:
        (G, P, P) float32, the sums over the members' K boxes.
    """
    return kernels.pair_overlaps(np.ascontiguousarray(boxes, np.float32))
