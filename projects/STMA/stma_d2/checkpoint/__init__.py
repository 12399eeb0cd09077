"""Checkpoints: ours, and other projects' weights under the keys of our model."""

from .centernet import convert_dla34, convert_resnet18
from .checkpointer import TubeletCheckpointer, load_for_evaluation
from .conversion import convert
from .initialization import ORIGINS, ConvertedFile, convert_file, write_initialization
from .moc import convert_moc
from .resnext3d import convert_resnext3d
from .settings import changed_keys, check_settings, config_record, network_settings

__all__ = [
    "ORIGINS",
    "ConvertedFile",
    "TubeletCheckpointer",
    "changed_keys",
    "check_settings",
    "config_record",
    "convert",
    "convert_dla34",
    "convert_file",
    "convert_moc",
    "convert_resnet18",
    "convert_resnext3d",
    "load_for_evaluation",
    "network_settings",
    "write_initialization",
]
