"""Trained networks as files that run without Detectron2."""

from ..detectron2_parts import needs_detectron2
from .exported import Exported, load_exported

with needs_detectron2(__name__):
    from .exporting import FORMATS, check_folder, export_network

__all__ = ["FORMATS", "Exported", "check_folder", "export_network", "load_exported"]
