"""STMA for Detectron2: video action tubelet detection.

Importing the package registers its meta-architecture, backbones, heads and data sets. Without
Detectron2 it does not; networks that were exported run all the same.
"""

from . import data, modeling
from .detectron2_parts import needs_detectron2
from .version import __version__

with needs_detectron2(__name__):
    from .config import add_stma_config

__all__ = ["__version__", "add_stma_config", "data", "modeling"]
