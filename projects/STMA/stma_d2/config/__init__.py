"""Configuration: its keys, their values, and how files and overrides are read."""

from ..detectron2_parts import needs_detectron2

with needs_detectron2(__name__):
    from .defaults import add_stma_config
    from .file import find_config_file
    from .loading import load_config, register_dataset_files
    from .overriding import by_full_name, value_of
    from .values import check_values

__all__ = [
    "add_stma_config",
    "by_full_name",
    "check_values",
    "find_config_file",
    "load_config",
    "register_dataset_files",
    "value_of",
]
