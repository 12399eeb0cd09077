"""Tubelets to tubes, and the overlaps and suppressions that linking shares with the metrics."""

from .linker import link_tubelets
from .online import LiveTube, OnlineLinker
from .overlap import box_areas, box_iou, pair_overlaps
from .rules import LinkingRules
from .suppression import Suppression, suppress

__all__ = [
    "LinkingRules",
    "LiveTube",
    "OnlineLinker",
    "Suppression",
    "box_areas",
    "box_iou",
    "link_tubelets",
    "pair_overlaps",
    "suppress",
]
