"""Building the backbones of a configuration, and what the network has to know of them."""

from __future__ import annotations

from dataclasses import dataclass

from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, FPN
from torch import nn

from ...errors import InputError
from .norm import convert_norm, has_batch_norm


@dataclass(frozen=True)
class FeatureBackbone:
    """A backbone and the one feature map of it that is used.

    Attributes:
        module: gives the map, or a dict of maps by name.
        feature: the name of the map.
        shape: its channels and its stride in space.
        size_divisibility: of which both sides of the input must be multiples.
    """

    module: nn.Module
    feature: str
    shape: ShapeSpec
    size_divisibility: int


def build_backbone_2d(cfg: CfgNode) -> FeatureBackbone:
    """Build MODEL.BACKBONE: frames (D, 3, H, W) -> (D, c, H / stride, W / stride).

    Raises:
        InputError: naming the key that does not fit the backbone.
    """
    backbone = _build(cfg, cfg.MODEL.BACKBONE, "MODEL.BACKBONE")
    _check_freezing(cfg.MODEL.BACKBONE, backbone.module)
    return backbone


def build_backbone_3d(cfg: CfgNode) -> FeatureBackbone:
    """Build MODEL.BACKBONE_3D: clips (B, 3, T, H, W) -> (B, c', T', H / stride, W / stride).

    Raises:
        InputError: naming the key that does not fit the backbone.
    """
    return _build(cfg, cfg.MODEL.BACKBONE_3D, "MODEL.BACKBONE_3D")


def _build(cfg: CfgNode, node: CfgNode, key: str) -> FeatureBackbone:
    builder = BACKBONE_REGISTRY.get(node.NAME)
    from_detectron2 = builder.__module__.startswith("detectron2.")
    try:
        module = builder(cfg, ShapeSpec(channels=3))
    except (AssertionError, KeyError, ValueError) as error:
        if isinstance(error, InputError) or not from_detectron2:
            raise
        raise InputError(
            f"{key}.NAME {node.NAME} cannot be built of MODEL.RESNETS.OUT_FEATURES "
            f"{cfg.MODEL.RESNETS.OUT_FEATURES} and MODEL.FPN.IN_FEATURES "
            f"{cfg.MODEL.FPN.IN_FEATURES}, with the other keys of both: "
            f"{' '.join(str(error).split()) or 'their features do not fit each other'}"
        ) from error
    _check_pyramid(cfg, module)
    if node.NORM != "BN" and (from_detectron2 or not has_batch_norm(module)):
        raise InputError(
            f"{key}.NORM is {node.NORM!r}, which {node.NAME} does not read; leave it at 'BN'"
            + (" and set MODEL.RESNETS.NORM and MODEL.FPN.NORM" if from_detectron2 else "")
        )
    shapes = module.output_shape()
    feature = node.OUT_FEATURE
    if not feature and len(shapes) == 1:
        (feature,) = shapes
    if feature not in shapes:
        raise InputError(
            f"{key}.OUT_FEATURE is {feature!r}; {node.NAME} gives the feature maps "
            f"{', '.join(shapes)}: name one of them"
        )
    shape = shapes[feature]
    if not shape.stride or not shape.channels:
        raise InputError(
            f"{key}.NAME {node.NAME}: its output_shape() tells no stride or no channels of "
            f"{feature!r}, which the heads follow from"
        )
    divisibility = getattr(module, "size_divisibility", 0) or shape.stride
    return FeatureBackbone(convert_norm(module, node.NORM), feature, shape, divisibility)


def _check_freezing(node: CfgNode, module: nn.Module) -> None:
    """Check that a backbone heeds MODEL.BACKBONE.FREEZE_AT; only Detectron2's own do."""
    convolutions = [weight for weight in module.parameters() if weight.dim() > 1]
    if node.FREEZE_AT > 0 and all(weight.requires_grad for weight in convolutions):
        raise InputError(
            f"{node.NAME} does not read MODEL.BACKBONE.FREEZE_AT {node.FREEZE_AT} (Detectron2's "
            "own ResNets do); set it to 0"
        )


def _check_pyramid(cfg: CfgNode, module: nn.Module) -> None:
    """Check that a feature pyramid has what its coarsest levels are computed of.

    Raises:
        InputError: if not; Detectron2 finds that out at the first frame.
    """
    top = module.top_block if isinstance(module, FPN) else None
    if top is None:
        return
    levels = list(module.output_shape())[: len(module.in_features)]  # without those of the top
    if top.in_feature in (*levels, *module.bottom_up.output_shape()):
        return
    raise InputError(
        f"MODEL.FPN.IN_FEATURES is {cfg.MODEL.FPN.IN_FEATURES}; {cfg.MODEL.BACKBONE.NAME} also "
        f"needs the last one, 'res5', of which it computes the coarsest maps"
    )
