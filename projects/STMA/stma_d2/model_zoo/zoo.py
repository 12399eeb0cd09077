"""Looking up configurations and building their models."""

from __future__ import annotations

from detectron2.config import CfgNode
from detectron2.modeling import build_model
from torch import nn

from ..checkpoint import load_for_evaluation, trained_config
from ..config import find_config_file, load_config
from .checkpoints import get_checkpoint_url


def get_config_file(name: str) -> str:
    """The path of a configuration of the project.

    Args:
        name: relative to ``configs/``, for example "UCF101-24/STMA_DLA34_RX101_K5.yaml".

    Raises:
        InputError: with the closest names that there are, if there is none of that name.
    """
    return find_config_file(name)


def get_config(name: str, trained: bool = False) -> CfgNode:
    """The configuration called ``name``.

    Args:
        name: see `get_config_file`; of a trained network, see `get_checkpoint_url`.
        trained: take the configuration that the trained network carries, with MODEL.WEIGHTS.

    Raises:
        InputError: if there is none of that name.
    """
    if trained:
        return trained_config(get_checkpoint_url(name))
    return load_config(get_config_file(name))


def get(name: str, trained: bool = False, device: str | None = None) -> nn.Module:
    """A configuration's model, in evaluation mode; as Detectron2's ``model_zoo.get``.

    Args:
        name: see `get_config`.
        trained: with the weights of `get_checkpoint_url`; False: with initial weights.
        device: "cpu", "cuda" or "cuda:1"; None: the configuration's MODEL.DEVICE.

    Raises:
        InputError: if there is none of that name, its weights cannot be read, or there is no such
            device.
    """
    overrides = [] if device is None else ["MODEL.DEVICE", str(device)]
    if trained:
        cfg = trained_config(get_checkpoint_url(name), overrides)
    else:
        cfg = load_config(get_config_file(name), overrides)
    model = build_model(cfg).eval()
    if trained:
        load_for_evaluation(model, cfg)
    return model
