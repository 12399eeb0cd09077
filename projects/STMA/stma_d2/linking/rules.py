"""The rules that turn tubelets into tubes."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError
from .nms import Suppression


@dataclass(frozen=True)
class LinkingRules:
    """How tubelets become tubes. The defaults are MOC's published rules.

    Attributes:
        tubelet_nms: suppression of tubelets within a window and class, by the mean over the K
            frames of their boxes' IoU. If soft, the factor is 1 minus the *sum* of the IoUs, as
            published: the suppressed get negative scores, yet may still be linked.
        max_tubelets: so many tubelets of a window and class are linked, the best by score.
        min_overlap: a tube takes a tubelet only if its last tubelet overlaps that by this much,
            by the mean IoU on the frames they share; without shared frames by the IoU of the
            last box with the first.
        max_gap: a tube that finds no tubelet ends once its last tubelet started this many windows
            ago, at least 1; None stands for K.
        min_tube_score: tubes whose mean score is below this are dropped.
        min_tube_length: tubes of fewer frames are dropped.
        max_tube_length: a tube that reaches so many frames ends, and what follows is another tube;
            None: however long. (Where a gap is bridged there, up to max_gap - 1 frames more.) Only
            a stream that never ends needs it, to forget.
        min_tubelet_score: tubelets below this score are dropped, class by class, before anything
            else. 0 keeps all, as published, and then no tube ends because its score falls;
            above 0 tubes are trimmed in time: they end where a gap grows beyond ``max_gap``.
        trim_below_median: tubes are cut back at both ends to their first and their last tubelet
            that scores at least this share of the median of their scores; the mean score is that
            of the rest. Within an action scores are high, beside it they fall, however high they
            are in this video: a threshold for all tubes cannot tell that. 0 is as published.
        trim_to_key_frames: tubes are cut back to the key frames of their first and last window (K
            // 2 frames at each end), but not where they reach the video's first or last frame: a
            window says most about its key frame. What ``max_tube_length`` ends is cut too. False is
            as published.
    """

    tubelet_nms: Suppression = Suppression(iou=0.6, soft=True)
    max_tubelets: int = 10
    min_overlap: float = 0.5
    max_gap: int | None = None
    min_tube_score: float = 0.005
    min_tube_length: int = 15
    max_tube_length: int | None = None
    min_tubelet_score: float = 0.0
    trim_below_median: float = 0.0
    trim_to_key_frames: bool = False

    def __post_init__(self) -> None:
        """Refuse rules without meaning.

        Raises:
            InputError: if ``max_gap`` or ``min_tube_length`` is below 1, ``max_tube_length`` below
                ``min_tube_length``, or a share or score of the rules beside is not one.
        """
        for name in ("min_tubelet_score", "trim_below_median"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be from 0 to 1")
        if self.min_tube_length < 1:
            raise InputError(f"min_tube_length is {self.min_tube_length}; it must be at least 1")
        if self.max_gap is not None and self.max_gap < 1:
            raise InputError(f"max_gap is {self.max_gap}; a tube can wait for 1 window or more")
        if self.max_tube_length is not None and self.max_tube_length < self.min_tube_length:
            raise InputError(
                f"max_tube_length is {self.max_tube_length}; tubes must be able to reach the "
                f"{self.min_tube_length} frames of min_tube_length"
            )
