"""Configuration: its keys, their values, and how files and overrides are read."""

from .defaults import add_stma_config
from .loading import load_config
from .values import check_values

__all__ = ["add_stma_config", "check_values", "load_config"]
