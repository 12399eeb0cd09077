"""Looking up configurations and building their models."""

from __future__ import annotations

from pathlib import Path

from detectron2.config import CfgNode
from detectron2.modeling import build_model
from torch import nn

from ..config import load_config
from ..errors import InputError

# Of an installed package, and of a checkout.
_FOLDERS = (Path(__file__).parent / "configs", Path(__file__).parents[2] / "configs")


def get_config_file(name: str) -> str:
    """The path of a configuration of the project.

    Args:
        name: relative to ``configs/``, for example "UCF101-24/STMA_DLA34_RX101_K5.yaml".

    Raises:
        InputError: listing the configurations, if there is none of that name.
    """
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return str(folder / name)
    names = sorted({str(f.relative_to(d)) for d in _FOLDERS for f in d.rglob("*.yaml")})
    raise InputError(f"there is no configuration {name!r}; there are {', '.join(names)}")


def get_config(name: str) -> CfgNode:
    """The configuration called ``name``; see `get_config_file`."""
    return load_config(get_config_file(name))


def get(name: str) -> nn.Module:
    """The model of a configuration, with its initial weights, in evaluation mode."""
    return build_model(get_config(name)).eval()
