"""Whole models of MOC-Detector, for the baseline configuration (the ablation row "base")."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..errors import InputError
from ..modeling.backbone import DLA34
from .centernet import CENTERNET_DLA34, CENTERNET_RESNET18, rename_dla34, rename_resnet18
from .conversion import Dropped, Origin, Settings, convert_part

# MOC's branch -> our head; both number convolution, ReLU, convolution as 0, 1, 2.
_HEADS = {"hm": "center_head", "mov": "movement_head", "wh": "size_head"}
# Weights whose shapes tell the settings of the heads.
_TELLING = ("hm.0.weight", "hm.2.weight", "mov.2.weight", "wh.0.weight")


def convert_moc(state_dict: Mapping) -> dict[str, torch.Tensor]:
    """Rename a MOC model's weights for the class-aware baseline of :class:`~stma_d2.modeling.STMA`.

    Args:
        state_dict: a published model (``ucf_dla34_K7_rgb_coco.pth`` and the like, DLA-34 or
            ResNet-18, RGB). The weights can lie under ``state_dict``, and the keys can begin with
            ``module.``.

    Returns:
        All of the model's weights under our keys: backbone, center, movement and size head.

    Raises:
        InputError: if this is not such a model; the message says why.
    """
    return convert_part(state_dict, MOC)


def _rename(key: str) -> str | Dropped:
    if key.startswith("branch."):
        branch, _, rest = key.removeprefix("branch.").partition(".")
        return f"{_HEADS.get(branch, branch)}.layers.{rest}"
    is_dla34 = key.removeprefix("backbone.").startswith(("base.", "dla_up.", "ida_up."))
    return rename_dla34(key) if is_dla34 else rename_resnet18(key)


def _settings(weights: Mapping[str, torch.Tensor]) -> Settings:
    """The baseline's configuration with the snippet length, classes and widths of the weights."""
    shapes = {}
    for name in _TELLING:
        weight = weights.get(f"branch.{name}")
        if weight is None or weight.dim() != 4:
            raise InputError(
                f"these are not the weights of a MOC model: no convolution branch.{name}"
            )
        shapes[name] = weight.shape
    backbone = _backbone(any("deconv_layer" in key for key in weights))
    return {
        **backbone.settings(weights),
        "INPUT.SNIPPET_LENGTH": shapes["mov.2.weight"][0] // 2,
        "MODEL.BACKBONE_3D.NAME": "",
        "MODEL.STMA.NUM_CLASSES": shapes["hm.2.weight"][0],
        "MODEL.STMA.HEAD_CHANNELS": shapes["hm.0.weight"][0],
        "MODEL.STMA.CENTER.CLASS_AGNOSTIC": False,
        "MODEL.STMA.MOVEMENT.GAUSSIAN": False,
        "MODEL.STMA.SIZE.GAUSSIAN": False,
        "MODEL.STMA.SIZE.HEAD_CHANNELS": shapes["wh.0.weight"][0],
    }


def _shapes(settings: Settings) -> dict[str, tuple[int, ...]]:
    num_frames, width = settings["INPUT.SNIPPET_LENGTH"], settings["MODEL.STMA.HEAD_CHANNELS"]
    features = DLA34.OUT_CHANNELS  # ResNet-18 has as many
    snippet, size_width = num_frames * features, settings["MODEL.STMA.SIZE.HEAD_CHANNELS"]
    backbone = _backbone(settings["MODEL.BACKBONE.NAME"] == "build_resnet18_backbone")
    return {
        **backbone.shapes(settings),
        **_head_shapes("center_head", snippet, width, settings["MODEL.STMA.NUM_CLASSES"]),
        **_head_shapes("movement_head", snippet, width, 2 * num_frames),
        **_head_shapes("size_head", features, size_width, 2),
    }


def _backbone(is_resnet18: bool) -> Origin:
    return CENTERNET_RESNET18 if is_resnet18 else CENTERNET_DLA34


def _head_shapes(name: str, channels: int, width: int, maps: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.layers.0.weight": (width, channels, 3, 3),
        f"{name}.layers.0.bias": (width,),
        f"{name}.layers.2.weight": (maps, width, 1, 1),
        f"{name}.layers.2.bias": (maps,),
    }


MOC = Origin(
    name="a MOC model",
    part="",
    mark="keys that begin with branch.",
    is_marked=lambda weights: any(key.startswith("branch.") for key in weights),
    rename=_rename,
    settings=_settings,
    shapes=_shapes,
)
