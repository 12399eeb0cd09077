"""STMA for Detectron2: video action tubelet detection.

Importing the package registers its meta-architecture, backbones, heads and data sets.
"""

from . import data, modeling
from .config import add_stma_config

__all__ = ["add_stma_config", "data", "modeling"]
