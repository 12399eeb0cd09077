"""Whole tubes: their overlap in space and time, and suppression by it.

Rules: ``iou3dt`` and ``nms3dt`` of MOC-Detector (src/ACT_utils).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..structures import Tube
from .iou import box_iou


def tube_iou(first: Tube, second: Tube, inclusive: bool = True) -> np.floating:
    """Overlap in space and time, in [0, 1], in the precision of the boxes.

    The mean IoU of the boxes on the frames that the tubes share, times the number of those frames
    over the number of frames from the earlier beginning to the later end.

    Args:
        first: a tube.
        second: another.
        inclusive: the last pixel of a box belongs to it, as does the last frame of a tube. False:
            boxes reach from point to point, and tubes from one moment to another, so that frames 1
            to 10 last 9; a tube of one frame overlaps nothing.
    """
    begin = max(first.frames[0], second.frames[0])
    end = min(first.frames[-1], second.frames[-1])
    shared = end - begin + inclusive
    if shared <= 0:
        return np.float32(0)
    union = max(first.frames[-1], second.frames[-1]) - min(first.frames[0], second.frames[0])
    boxes = [t.boxes[begin - t.frames[0] : end - t.frames[0] + 1] for t in (first, second)]
    mean = np.mean(box_iou(*boxes, inclusive))
    return mean * (mean.dtype.type(shared) / mean.dtype.type(union + inclusive))


def suppress_by_class(tubes: Sequence[Tube], iou: float) -> list[Tube]:
    """Hard suppression of one video's tubes within each class: the best first, then what is left.

    Args:
        tubes: of equal scores the earlier tube is the better.
        iou: a tube that overlaps a better one of its class by more than this is removed.

    Returns:
        Tubes by falling score within a class; the classes in the order of their first tubes.
    """
    by_class: dict[int, list[Tube]] = {tube.label: [] for tube in tubes}
    for tube in sorted(tubes, key=lambda tube: -tube.score):
        better = by_class[tube.label]
        if all(tube_iou(tube, other) <= iou for other in better):
            better.append(tube)
    return [tube for kept in by_class.values() for tube in kept]
