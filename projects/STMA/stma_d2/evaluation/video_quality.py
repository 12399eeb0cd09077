"""How well the tubes of one video fit: not a metric, but an order in which to look at videos."""

from __future__ import annotations

from collections.abc import Sequence

from ..linking import tube_iou
from ..structures import Tube


def video_quality(truth: Sequence[Tube], found: Sequence[Tube]) -> float | None:
    """Overlap of the matched tubes over the mean number of true and of found tubes.

    Tubes take turns by falling score; each takes the free true tube of its class that it overlaps
    most in space and time, if there is one.

    Args:
        truth: true tubes of the video.
        found: those tubes of it that score enough to be looked at.

    Returns:
        1 where all are found exactly and nothing else is, 0 where nothing fits; None where there is
        neither truth nor a tube.
    """
    if not truth and not found:
        return None
    free, total = list(truth), 0.0
    for tube in sorted(found, key=lambda tube: -tube.score):
        overlaps = [float(tube_iou(true, tube)) for true in free if true.label == tube.label]
        if overlaps and max(overlaps) > 0:
            same = [true for true in free if true.label == tube.label]
            taken = same[overlaps.index(max(overlaps))]
            free = [true for true in free if true is not taken]
            total += max(overlaps)
    return total / ((len(truth) + len(found)) / 2)
