"""The project's configurations and trained networks by name, as ``detectron2.model_zoo``.

Example:
    >>> from stma_d2 import model_zoo
    >>> model = model_zoo.get("UCF101-24/STMA_DLA34_RX101_K5.yaml")
    >>> model = model_zoo.get("Synthetic/STMA_tiny_K5.yaml", trained=True)
"""

from .checkpoints import find_checkpoint, get_checkpoint_url
from .zoo import get, get_config, get_config_file

__all__ = ["find_checkpoint", "get", "get_checkpoint_url", "get_config", "get_config_file"]
