"""Weights of CenterNet's 2D networks, which MOC shares: DLA-34 and ResNet-18."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import nn

from ..modeling.backbone import DLA34, ResNet18
from .conversion import Dropped, Origin, Rename, convert_part, marked_by, network_shapes

# CenterNet's size head (box width and height); MOC's branch of that name stands in a whole model.
_SIZE_HEAD = re.compile(r"wh\.([02]\.(?:weight|bias))")
# The other output heads of CenterNet's tasks, and all of MOC's.
_HEAD = re.compile(r"(branch\.\w+|hm|wh|reg|hps|hm_hp|hp_offset|dep|rot|dim)\.")
# ImageNet's classifier; CenterNet's published DLA-34 still carries it, unused, as base.fc.
_CLASSIFIER = re.compile(r"(base\.)?fc\.")
# The base network uses the projections inside these two-stage levels in place of these.
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
            ImageNet's DLA-34 (base network only). They can lie under ``state_dict``, and the keys
            can begin with ``module.`` and ``backbone.``.

    Returns:
        The backbone's weights under our keys. ImageNet's weights fill its base network only.

    Raises:
        InputError: if these are not DLA-34 weights; the message says why.
    """
    return convert_part(state_dict, CENTERNET_DLA34)


def convert_resnet18(state_dict: Mapping) -> dict[str, torch.Tensor]:
    """Rename ResNet-18 weights for :class:`~stma_d2.modeling.backbone.ResNet18`.

    Args:
        state_dict: weights of CenterNet (``ctdet_coco_resdcn18.pth``), of MOC's backbone, or of
            torchvision's ImageNet ResNet-18, in the forms that :func:`convert_dla34` takes.

    Returns:
        The backbone's weights under our keys. ImageNet's weights fill its base network only.

    Raises:
        InputError: if these are not ResNet-18 weights; the message says why.
    """
    return convert_part(state_dict, CENTERNET_RESNET18)


def rename_dla34(key: str) -> str | Dropped:
    """Our key for a key of CenterNet's, MOC's or ImageNet's DLA-34."""
    key = key.removeprefix("backbone.")
    if outside := _rename_outside_backbone(key):
        return outside
    if re.match(r"base_layer\.|level\d\.", key):
        key = "base." + key
    key = key.replace("dla_up.ida_", "dla_up.steps.")
    key = _DLA_STEP.sub(lambda m: f"{_DLA_STEP_NAMES[m[1]]}.{int(m[2]) - 1}.", key)
    key = key.replace(".actf.0.", ".norm.").replace(".conv_offset_mask.", ".offset_mask.")
    return "backbone." + key


def rename_resnet18(key: str) -> str | Dropped:
    """Our key for a key of CenterNet's, MOC's or ImageNet's ResNet-18."""
    key = key.removeprefix("backbone.")
    if outside := _rename_outside_backbone(key):
        return outside
    deconv = _DECONV_STAGE.match(key)
    if deconv is None:
        return "backbone.base." + key
    stage, position = divmod(int(deconv[1]), _DECONV_STAGE_LENGTH)
    rest = key[deconv.end() :].replace("conv_offset_mask.", "offset_mask.")
    return f"backbone.up.{stage}.{_DECONV_NAMES.get(position, position)}.{rest}"


def _rename_outside_backbone(key: str) -> str | Dropped | None:
    if size_head := _SIZE_HEAD.fullmatch(key):
        return f"size_head.layers.{size_head[1]}"
    if _HEAD.match(key):
        return Dropped("an output head")
    if _CLASSIFIER.match(key):
        return Dropped("the classifier")
    return Dropped("never used by the network") if _DEAD.match(key) else None


# Its last layer, for width and height, does not fit a head of four distances: then the checkpointer
# loads the first layer only.
_EXTRA = frozenset(f"size_head.layers.{i}.{kind}" for i in (0, 2) for kind in ("weight", "bias"))


def _origin(
    network: type[nn.Module], name: str, mark: str, rename: Rename, anew: tuple[str, ...]
) -> Origin:
    """The backbone ``network``, called ``name``; ``anew``: parts that ImageNet's weights lack."""
    builder = f"build_{name.lower().replace('-', '')}_backbone"
    return Origin(
        name=f"{name} of CenterNet, MOC or ImageNet",
        part="backbone",
        **marked_by(mark, 4),
        rename=rename,
        settings=lambda weights: {"MODEL.BACKBONE.NAME": builder},
        shapes=lambda settings: network_shapes(network, "backbone."),
        optional=anew,
        extra=_EXTRA,
    )


CENTERNET_DLA34 = _origin(
    *(DLA34, "DLA-34", "base_layer.0.weight", rename_dla34),
    anew=("backbone.dla_up.", "backbone.ida_up."),
)
CENTERNET_RESNET18 = _origin(
    *(ResNet18, "ResNet-18", "conv1.weight", rename_resnet18),
    anew=("backbone.up.",),
)
