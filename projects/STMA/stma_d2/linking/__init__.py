"""Tubelets to tubes, and the overlaps and suppressions that linking shares with the metrics."""

from .linker import LinkingRules, link_tubelets
from .overlap import box_areas, box_iou
from .suppression import Suppression, suppress

__all__ = [
    "LinkingRules",
    "Suppression",
    "box_areas",
    "box_iou",
    "link_tubelets",
    "suppress",
]
