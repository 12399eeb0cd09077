"""Weights of the 3D ResNeXt of Hara et al."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch

from ..errors import InputError
from ..modeling.backbone import ResNeXt3D
from ..modeling.backbone.resnext3d import BLOCKS_OF_DEPTH
from .conversion import Dropped, Origin, Settings, convert_part, marked_by, network_shapes

_BLOCK = re.compile(r"(?:backbone\.)?layer([1-4])\.(\d+)\.")


def convert_resnext3d(state_dict: Mapping) -> dict[str, torch.Tensor]:
    """Rename weights of Hara et al. for :class:`~stma_d2.modeling.backbone.ResNeXt3D`.

    Args:
        state_dict: ``resnext-101-kinetics.pth`` or the like of depth 50 or 152. The weights can lie
            under ``state_dict``, and the keys can begin with ``module.`` or ``backbone.``.

    Returns:
        All of the backbone's weights under our keys; the classifier is dropped.

    Raises:
        InputError: if these are not such weights (cardinality 32, shortcut B); says why.
    """
    return convert_part(state_dict, RESNEXT3D)


def _rename(key: str) -> str | Dropped:
    if key.startswith("fc."):
        return Dropped("the classifier")
    return "backbone_3d." + key.removeprefix("backbone.")


def _settings(weights: Mapping[str, torch.Tensor]) -> Settings:
    """Read the depth from the number of blocks in each layer."""
    blocks = [0, 0, 0, 0]
    for match in filter(None, map(_BLOCK.match, weights)):
        layer = int(match[1]) - 1
        blocks[layer] = max(blocks[layer], int(match[2]) + 1)
    for depth, of_depth in BLOCKS_OF_DEPTH.items():
        if of_depth == tuple(blocks):
            return {
                "MODEL.BACKBONE_3D.NAME": "build_resnext3d_backbone",
                "MODEL.BACKBONE_3D.DEPTH": depth,
            }
    depths = "; ".join(f"{_listed(b)} ({depth})" for depth, b in BLOCKS_OF_DEPTH.items())
    raise InputError(
        f"these are not the weights of a 3D ResNeXt: layers 1 to 4 have {_listed(blocks)} blocks; "
        f"the known depths have {depths}"
    )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


RESNEXT3D = Origin(
    name="Hara et al.'s 3D ResNeXt (cardinality 32, shortcut B)",
    part="backbone_3d",
    **marked_by("conv1.weight", 5),
    rename=_rename,
    settings=_settings,
    shapes=lambda settings: network_shapes(
        lambda: ResNeXt3D(settings["MODEL.BACKBONE_3D.DEPTH"]), "backbone_3d."
    ),
)
