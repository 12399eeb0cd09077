"""Weights of the 3D ResNeXt of Hara et al."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch

from ..errors import InputError
from ..modeling.backbone import ResNeXt3D
from ..modeling.backbone.resnext3d import BLOCKS_OF_DEPTH
from .conversion import Conversion, convert_keys, expected_shapes, unwrap

_BLOCK = re.compile(r"(?:backbone\.)?layer([1-4])\.(\d+)\.")


def convert_resnext3d(state_dict: Mapping) -> dict[str, torch.Tensor]:
    """Rename weights of Hara et al. for :class:`~stma_d2.modeling.backbone.ResNeXt3D`.

    Args:
        state_dict: ``resnext-101-kinetics.pth`` or another depth (:func:`resnext3d_depth`); perhaps
            under ``state_dict``, keys perhaps with ``module.`` or ``backbone.`` in front.

    Returns:
        Weights under our keys, complete; the classifier is dropped.

    Raises:
        InputError: if these are not such weights (cardinality 32, shortcut B), with the reason.
    """
    return resnext3d_conversion(state_dict).weights


def resnext3d_conversion(state_dict: Mapping) -> Conversion:
    """Like :func:`convert_resnext3d`, with the account of dropped keys."""
    depth = resnext3d_depth(state_dict)
    return convert_keys(
        unwrap(state_dict),
        f"a 3D ResNeXt-{depth} (cardinality 32, shortcut B)",
        rename=lambda key: key.removeprefix("backbone."),
        drop=lambda key: "the classifier" if key.startswith("fc.") else None,
        expected=expected_shapes(lambda: ResNeXt3D(depth)),
        settings={
            "MODEL.BACKBONE_3D.NAME": "build_resnext3d_backbone",
            "MODEL.BACKBONE_3D.DEPTH": depth,
        },
    )


def resnext3d_depth(state_dict: Mapping) -> int:
    """The depth of such weights, from the number of blocks in each layer.

    Args:
        state_dict: as for :func:`convert_resnext3d`.

    Returns:
        50, 101 or 152.

    Raises:
        InputError: if no depth of the family has so many blocks.
    """
    blocks = [0, 0, 0, 0]
    for match in filter(None, map(_BLOCK.match, unwrap(state_dict))):
        layer = int(match[1]) - 1
        blocks[layer] = max(blocks[layer], int(match[2]) + 1)
    for depth, of_depth in BLOCKS_OF_DEPTH.items():
        if of_depth == tuple(blocks):
            return depth
    depths = "; ".join(f"{_listed(b)} ({depth})" for depth, b in BLOCKS_OF_DEPTH.items())
    raise InputError(
        f"these are not the weights of a 3D ResNeXt: layers 1 to 4 have {_listed(blocks)} blocks; "
        f"the known depths have {depths}"
    )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
