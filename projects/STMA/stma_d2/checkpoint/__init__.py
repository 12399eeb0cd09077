"""Foreign checkpoints to ours, one module per origin."""

from .centernet import (
    convert_dla34,
    convert_resnet18,
    dla34_conversion,
    resnet18_conversion,
)
from .conversion import Conversion
from .initialization import ORIGINS, ConvertedFile, convert_file, write_initialization
from .moc import convert_moc, moc_conversion
from .resnext3d import convert_resnext3d, resnext3d_conversion, resnext3d_depth

__all__ = [
    "ORIGINS",
    "Conversion",
    "ConvertedFile",
    "convert_dla34",
    "convert_file",
    "convert_moc",
    "convert_resnet18",
    "convert_resnext3d",
    "dla34_conversion",
    "moc_conversion",
    "resnet18_conversion",
    "resnext3d_conversion",
    "resnext3d_depth",
    "write_initialization",
]
