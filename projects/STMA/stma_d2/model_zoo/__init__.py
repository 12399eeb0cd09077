"""The project's configurations by name, as ``detectron2.model_zoo`` has Detectron2's.

Example:
    >>> from stma_d2 import model_zoo
    >>> model = model_zoo.get("UCF101-24/STMA_DLA34_RX101_K5.yaml")
"""

from .zoo import get, get_config, get_config_file

__all__ = ["get", "get_config", "get_config_file"]
