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
_TELLING = ("hm.0.weight", "hm.2.weight", "mov.2.weight", "wh.0.weight")


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
    settings = _settings(branches)
    heads = convert_keys(
        branches,
        "MOC's heads",
        rename=_rename_head,
        drop=lambda key: None,
        expected=expected_shapes(lambda: _heads(settings)),
        settings=settings,
    )
    backbone_source = {key: value for key, value in source.items() if key not in branches}
    is_resnet = any("deconv_layer" in key for key in backbone_source)
    convert = resnet18_conversion if is_resnet else dla34_conversion
    backbone = convert(backbone_source).under("backbone.")
    if backbone.missing:
        raise InputError("these are not the weights of a MOC model: only the base network is there")
    return Conversion(
        weights=backbone.weights | heads.weights,
        sources=backbone.sources | heads.sources,
        dropped=backbone.dropped,
        missing=(),
        settings=backbone.settings | heads.settings,
    )


def _rename_head(key: str) -> str:
    branch, _, rest = key.removeprefix("branch.").partition(".")
    return f"{_HEADS.get(branch, branch)}.layers.{rest}"


def _settings(branches: Mapping[str, torch.Tensor]) -> dict[str, str | int | bool]:
    """The baseline's configuration with the snippet length, classes and widths of the weights."""
    shapes = {}
    for name in _TELLING:
        weight = branches.get(f"branch.{name}")
        if weight is None or weight.dim() != 4:
            raise InputError(
                f"these are not the weights of a MOC model: no convolution branch.{name}"
            )
        shapes[name] = weight.shape
    return {
        "INPUT.SNIPPET_LENGTH": shapes["mov.2.weight"][0] // 2,
        "MODEL.BACKBONE_3D.NAME": "",
        "MODEL.STMA.NUM_CLASSES": shapes["hm.2.weight"][0],
        "MODEL.STMA.HEAD_CHANNELS": shapes["hm.0.weight"][0],
        "MODEL.STMA.CENTER.CLASS_AGNOSTIC": False,
        "MODEL.STMA.MOVEMENT.GAUSSIAN": False,
        "MODEL.STMA.SIZE.GAUSSIAN": False,
        "MODEL.STMA.SIZE.HEAD_CHANNELS": shapes["wh.0.weight"][0],
    }


def _heads(settings: Mapping[str, str | int | bool]) -> nn.ModuleDict:
    """The baseline's heads."""
    features = DLA34.OUT_CHANNELS  # ResNet-18 has as many
    num_frames = settings["INPUT.SNIPPET_LENGTH"]
    width = settings["MODEL.STMA.HEAD_CHANNELS"]
    return nn.ModuleDict(
        {
            "center_head": CenterHead(
                in_channels=features,
                num_frames=num_frames,
                hidden_channels=width,
                num_maps=settings["MODEL.STMA.NUM_CLASSES"],
            ),
            "movement_head": MovementHead(
                in_channels=features, num_frames=num_frames, hidden_channels=width
            ),
            "size_head": SizeHead(
                in_channels=features,
                hidden_channels=settings["MODEL.STMA.SIZE.HEAD_CHANNELS"],
                gaussian=False,
            ),
        }
    )
