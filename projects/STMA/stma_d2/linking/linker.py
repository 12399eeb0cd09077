"""From tubelets to tubes: the online linking of ACT, by MOC's rules.

Rules and order are those of ``BuildTubes`` in MOC-Detector (``ACT_utils/ACT_build.py``) and of ACT
before it (Kalogeiton et al., ICCV 2017, section 3.3), so that numbers can be compared.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from ..structures import Tube, Tubelets
from .online import OnlineLinker
from .rules import LinkingRules
from .tube_nms import suppress_by_class


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
    linker = OnlineLinker(tubelets.num_classes, tubelets.num_frames, **rules)
    tubes = linker.extend(tubelets) + linker.finish(num_frames)
    return sorted(tubes, key=attrgetter("label"))


def build_tubes(
    tubelets: Tubelets, num_frames: int, rules: LinkingRules, tube_nms_iou: float
) -> list[Tube]:
    """Link one video's tubelets, then suppress tubes, class by class.

    Args:
        tubelets: as :func:`link_tubelets` takes them.
        num_frames: length of the video.
        rules: of linking.
        tube_nms_iou: see :func:`suppress_by_class`.

    Returns:
        Tubes by ascending class, and by falling score within a class.

    Raises:
        InputError: if a window lies outside the video.
    """
    return suppress_by_class(link_tubelets(tubelets, num_frames, **vars(rules)), tube_nms_iou)
