"""Weights of CenterNet's 2D networks, which MOC shares: DLA-34 and ResNet-18."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from ..modeling.backbone import DLA34, ResNet18
from .conversion import Conversion, convert_keys, expected_shapes, unwrap

# Output branches of CenterNet's tasks and of MOC.
_HEAD = re.compile(r"(branch\.\w+|hm|wh|reg|hps|hm_hp|hp_offset|dep|rot|dim)\.")
# Of ImageNet's weights; CenterNet's published DLA-34 still carries it, unused, as base.fc.
_CLASSIFIER = re.compile(r"(base\.)?fc\.")
# In the base network's levels of two stages, the projections inside the stages do the work.
_DEAD = re.compile(r"(base\.)?level[34]\.project\.")

_DLA_STEP = re.compile(r"\b(proj|up|node)_(\d+)\.")
_DLA_STEP_NAMES = {"proj": "project", "up": "upsample", "node": "node"}

# Position in a deconvolution stage of CenterNet's ResNet -> our name; the others are ReLUs.
_DECONV_STAGE = re.compile(r"(?:deconv_layer\.)?deconv_layers\.(\d+)\.")
_DECONV_NAMES = {0: "project.conv", 1: "project.norm", 3: "upsample", 4: "norm"}
_DECONV_STAGE_LENGTH = 6


def convert_dla34(state_dict: Mapping) -> dict[str, torch.Tensor]:
    """Rename DLA-34 weights for :class:`~stma_d2.modeling.backbone.DLA34`.

    Args:
        state_dict: weights of CenterNet (``ctdet_coco_dla_*.pth``), of MOC's backbone, or of
            ImageNet's DLA-34 (base network only); perhaps under ``state_dict``, keys perhaps with
            ``module.`` and ``backbone.`` in front.

    Returns:
        Weights under our keys. ImageNet's lack everything after the base network.

    Raises:
        InputError: if these are not DLA-34 weights, with the reason.
    """
    return dla34_conversion(state_dict).weights


def dla34_conversion(state_dict: Mapping) -> Conversion:
    """Like :func:`convert_dla34`, with the account of dropped and missing keys."""
    return convert_keys(
        unwrap(state_dict),
        "DLA-34 (CenterNet, MOC or ImageNet)",
        rename=_rename_dla34,
        drop=_drop,
        expected=expected_shapes(DLA34),
        settings={"MODEL.BACKBONE.NAME": "build_dla34_backbone"},
        optional=lambda key: not key.startswith("base."),
    )


def convert_resnet18(state_dict: Mapping) -> dict[str, torch.Tensor]:
    """Rename ResNet-18 weights for :class:`~stma_d2.modeling.backbone.ResNet18`.

    Args:
        state_dict: weights of CenterNet (``ctdet_coco_resdcn18.pth``), of MOC's backbone, or of
            torchvision's ImageNet ResNet-18; wrapped and prefixed as for :func:`convert_dla34`.

    Returns:
        Weights under our keys. ImageNet's lack everything after the base network.

    Raises:
        InputError: if these are not ResNet-18 weights, with the reason.
    """
    return resnet18_conversion(state_dict).weights


def resnet18_conversion(state_dict: Mapping) -> Conversion:
    """Like :func:`convert_resnet18`, with the account of dropped and missing keys."""
    return convert_keys(
        unwrap(state_dict),
        "ResNet-18 (CenterNet, MOC or ImageNet)",
        rename=_rename_resnet18,
        drop=_drop,
        expected=expected_shapes(ResNet18),
        settings={"MODEL.BACKBONE.NAME": "build_resnet18_backbone"},
        optional=lambda key: not key.startswith("base."),
    )


def _drop(key: str) -> str | None:
    key = key.removeprefix("backbone.")
    if _HEAD.match(key):
        return "an output head"
    if _CLASSIFIER.match(key):
        return "the classifier"
    return "never used by the network" if _DEAD.match(key) else None


def _rename_dla34(key: str) -> str:
    key = key.removeprefix("backbone.")
    if re.match(r"base_layer\.|level\d\.", key):
        return "base." + key
    key = key.replace("dla_up.ida_", "dla_up.steps.")
    key = _DLA_STEP.sub(lambda m: f"{_DLA_STEP_NAMES[m[1]]}.{int(m[2]) - 1}.", key)
    return key.replace(".actf.0.", ".norm.").replace(".conv_offset_mask.", ".offset_mask.")


def _rename_resnet18(key: str) -> str:
    key = key.removeprefix("backbone.")
    deconv = _DECONV_STAGE.match(key)
    if deconv is None:
        return "base." + key
    stage, position = divmod(int(deconv[1]), _DECONV_STAGE_LENGTH)
    rest = key[deconv.end() :].replace("conv_offset_mask.", "offset_mask.")
    return f"up.{stage}.{_DECONV_NAMES.get(position, position)}.{rest}"
