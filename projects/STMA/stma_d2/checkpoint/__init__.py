"""Checkpoints: ours, and other projects' weights under the keys of our model."""

from .centernet import convert_dla34, convert_resnet18
from .checkpointer import (
    LoadedWeights,
    TubeletCheckpointer,
    load_for_evaluation,
    trained_config,
)
from .conversion import convert
from .initialization import ORIGINS, ConvertedFile, convert_file, write_initialization
from .locating import DIGITS_IN_NAME, local_path, names_its_hash
from .moc import convert_moc
from .reading import read_detectron2_checkpoint
from .resnext3d import convert_resnext3d
from .settings import (
    changed_keys,
    changed_settings,
    changed_values,
    check_settings,
    network_settings,
    record_of,
    training_record,
)
from .weights import to_dtype

__all__ = [
    "DIGITS_IN_NAME",
    "ORIGINS",
    "ConvertedFile",
    "LoadedWeights",
    "TubeletCheckpointer",
    "changed_keys",
    "changed_settings",
    "changed_values",
    "check_settings",
    "convert",
    "convert_dla34",
    "convert_file",
    "convert_moc",
    "convert_resnet18",
    "convert_resnext3d",
    "load_for_evaluation",
    "local_path",
    "names_its_hash",
    "network_settings",
    "read_detectron2_checkpoint",
    "record_of",
    "to_dtype",
    "trained_config",
    "training_record",
    "write_initialization",
]
