"""Tubelets to tubes, and the overlaps and suppressions that linking shares with the metrics."""

from .iou import box_iou, pair_overlaps
from .linker import build_tubes, link_tubelets
from .nms import Suppression, nms
from .online import LiveTube, OnlineLinker
from .rules import LinkingRules
from .tube_nms import suppress_by_class, tube_iou

__all__ = [
    "LinkingRules",
    "LiveTube",
    "OnlineLinker",
    "Suppression",
    "box_iou",
    "build_tubes",
    "link_tubelets",
    "nms",
    "pair_overlaps",
    "suppress_by_class",
    "tube_iou",
]
