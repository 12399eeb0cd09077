"""Checkpoints: saving and loading ours, and bringing other projects' under our names."""

from .centernet import (
    convert_dla34,
    convert_resnet18,
    dla34_conversion,
    resnet18_conversion,
)
from .checkpointer import TubeletCheckpointer, load_for_evaluation
from .conversion import Conversion
from .initialization import ORIGINS, ConvertedFile, convert_file, write_initialization
from .moc import convert_moc, moc_conversion
from .resnext3d import convert_resnext3d, resnext3d_conversion, resnext3d_depth

__all__ = [
    "ORIGINS",
    "Conversion",
    "ConvertedFile",
    "TubeletCheckpointer",
    "convert_dla34",
    "convert_file",
    "convert_moc",
    "convert_resnet18",
    "convert_resnext3d",
    "dla34_conversion",
    "load_for_evaluation",
    "moc_conversion",
    "resnet18_conversion",
    "resnext3d_conversion",
    "resnext3d_depth",
    "write_initialization",
]
