"""From tubelets to tubes: the online linking of ACT, by MOC's rules.

Rules and order are those of ``BuildTubes`` in MOC-Detector (``ACT_utils/ACT_build.py``) and of ACT
before it (Kalogeiton et al., ICCV 2017, section 3.3), so that numbers can be compared.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from ..errors import InputError
from ..structures import Tube, Tubelets
from .online import OnlineLinker


def link_tubelets(tubelets: Tubelets, num_frames: int, **rules: Any) -> list[Tube]:
    """Link the tubelets of one video into tubes, each class for itself.

    Window after window, the live tubes choose in descending order of their mean score; each takes,
    among the free tubelets that overlap its last one enough, the one with the highest score.
    What nobody takes starts a tube. A tube's score is the mean of its tubelets' (float32), its box
    on a frame the mean of all its boxes there; where it bridges a gap that left frames without any
    box (only possible with ``max_gap`` above K) the box is interpolated linearly.

    Args:
        tubelets: the video's windows; boxes and scores must be finite.
        num_frames: length of the video. Windows run over 1 .. num_frames - K + 1, with a single
            window 1 for a shorter video, whose boxes beyond the last frame are dropped.
        **rules: fields of :class:`LinkingRules` that differ from MOC's.

    Returns:
        Tubes by ascending class; within a class those that ended come first in the order in which
        they ended (of several that end at one window the weakest first), then the live ones.

    Raises:
        InputError: if a window lies outside the video, or a rule has no meaning.
        TypeError: if a rule is unknown.
    """
    length, windows = tubelets.num_frames, tubelets.windows
    linker = OnlineLinker(tubelets.num_classes, length, **rules)
    final_window = max(num_frames - length + 1, 1)
    if len(windows) and (windows[0] < 1 or windows[-1] > final_window):
        outside = windows[0] if windows[0] < 1 else windows[-1]
        raise InputError(
            f"window {outside} does not fit into a video of {num_frames} frames: with tubelets of "
            f"{length} frames, windows run from 1 to {final_window}"
        )
    tubes = []
    for window, boxes, scores in zip(
        windows.tolist(), tubelets.boxes, tubelets.scores, strict=True
    ):
        tubes += linker.push(window, boxes, scores)
    tubes += linker.finish(num_frames)
    return sorted(tubes, key=attrgetter("label"))
