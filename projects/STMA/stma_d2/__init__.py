"""STMA for Detectron2: video action tubelet detection.

Importing the package registers its meta-architecture, backbones, heads and data sets.
"""

from . import data, modeling
from .config import add_stma_config
from .version import __version__

__all__ = ["__version__", "add_stma_config", "data", "modeling"]
