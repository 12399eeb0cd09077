"""Whole models of MOC-Detector, for the baseline configuration (the ablation row "base")."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ..errors import InputError
from ..modeling.backbone import DLA34
from ..modeling.heads import CenterHead, MovementHead, SizeHead
from .centernet import dla34_conversion, resnet18_conversion
from .conversion import Conversion, convert_keys, expected_shapes, unwrap

# MOC's branch -> our head; both number convolution, ReLU, convolution as 0, 1, 2.
_HEADS = {"hm": "center_head", "mov": "movement_head", "wh": "size_head"}
# Weights whose shapes tell the settings of the heads.
_TELLING = ("hm.0.weight", "hm.2.weight", "mov.0.weight", "mov.2.weight", "wh.0.weight")


def convert_moc(state_dict: Mapping) -> dict[str, torch.Tensor]:
    """Rename a MOC model's weights for the class-aware baseline of :class:`~stma_d2.modeling.STMA`.

    Args:
        state_dict: a published model (``ucf_dla34_K7_rgb_coco.pth`` and the like, DLA-34 or
            ResNet-18, RGB); perhaps under ``state_dict``, keys perhaps with ``module.`` in front.

    Returns:
        Weights under our keys, complete: backbone, center, movement and size head.

    Raises:
        InputError: if this is not such a model, with the reason.
    """
    return moc_conversion(state_dict).weights


def moc_conversion(state_dict: Mapping) -> Conversion:
    """Like :func:`convert_moc`, with the account of dropped keys."""
    source = unwrap(state_dict)
    branches = {key: value for key, value in source.items() if key.startswith("branch.")}
    heads = convert_keys(
        branches,
        "MOC's heads",
        rename=_rename_head,
        drop=lambda key: None,
        expected=expected_shapes(lambda: _heads_like(branches)),
    )
    backbone_source = {key: value for key, value in source.items() if key not in branches}
    is_resnet = any("deconv_layer" in key for key in backbone_source)
    convert = resnet18_conversion if is_resnet else dla34_conversion
    backbone = convert(backbone_source)
    if backbone.missing:
        raise InputError("these are not the weights of a MOC model: only the base network is there")
    return Conversion(
        weights={**_in_backbone(backbone.weights), **heads.weights},
        sources={**_in_backbone(backbone.sources), **heads.sources},
        dropped=backbone.dropped,
        missing=(),
    )


def _rename_head(key: str) -> str:
    branch, _, rest = key.removeprefix("branch.").partition(".")
    return f"{_HEADS.get(branch, branch)}.layers.{rest}"


def _in_backbone(by_key: Mapping) -> dict:
    return {f"backbone.{key}": value for key, value in by_key.items()}


def _heads_like(branches: Mapping[str, torch.Tensor]) -> nn.ModuleDict:
    """Heads of the class count, snippet length and widths that MOC's weights have."""
    shapes = {}
    for name in _TELLING:
        weight = branches.get(f"branch.{name}")
        if weight is None or weight.dim() != 4:
            raise InputError(
                f"these are not the weights of a MOC model: no convolution branch.{name}"
            )
        shapes[name] = weight.shape
    features = DLA34.OUT_CHANNELS
    num_frames = shapes["mov.2.weight"][0] // 2
    return nn.ModuleDict(
        {
            "center_head": CenterHead(
                in_channels=features,
                num_frames=num_frames,
                hidden_channels=shapes["hm.0.weight"][0],
                num_maps=shapes["hm.2.weight"][0],
            ),
            "movement_head": MovementHead(
                in_channels=features,
                num_frames=num_frames,
                hidden_channels=shapes["mov.0.weight"][0],
            ),
            "size_head": SizeHead(
                in_channels=features, hidden_channels=shapes["wh.0.weight"][0], gaussian=False
            ),
        }
    )
