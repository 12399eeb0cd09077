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
    free, total = list(range(len(truth))), 0.0
    for tube in sorted(found, key=lambda tube: -tube.score):
        same = (i for i in free if truth[i].label == tube.label)
        overlaps = {i: float(tube_iou(truth[i], tube)) for i in same}
        best = max(overlaps, key=overlaps.get, default=None)
        if best is not None and overlaps[best] > 0:
            free.remove(best)
            total += overlaps[best]
    return total / ((len(truth) + len(found)) / 2)
