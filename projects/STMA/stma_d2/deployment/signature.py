"""What goes into the parts of an exported network and what comes out: shapes that must fit.

The first dimension counts rows, as many as are given; all others are known when a file is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fvcore.common.config import CfgNode

from ..errors import InputError
from .record import ACTION, CLIPS, FRAMES, HEATMAP, WINDOWS

# Of one row; None for what is not a number, or not known.
Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a part, by name and in order: the shape of a row of each."""

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]


def check_signatures(
    found: Mapping[str, Signature], cfg: CfgNode, strides: Mapping[str, int]
) -> None:
    """Check that files are the parts of a network of this configuration.

    Args:
        found: what the files say of themselves, by part.
        cfg: the keys that inference reads.
        strides: see `record`.

    Raises:
        InputError: naming the part and the input or output that does not fit.
    """
    for part, expected in _expected(cfg, strides).items():
        for kind in ("inputs", "outputs"):
            _compare(part, kind, getattr(found[part], kind), getattr(expected, kind))
    for name, given in found[WINDOWS].inputs.items():
        source = found[CLIPS].outputs["features"] if name == CLIPS else None
        source = source or (cfg.INPUT.SNIPPET_LENGTH, *found[FRAMES].outputs[name])
        _compare(WINDOWS, "inputs", {name: given}, {name: source})


def _expected(cfg: CfgNode, strides: Mapping[str, int]) -> dict[str, Signature]:
    """As far as the configuration tells; None in a shape, and an empty one, for the rest."""
    num_frames, num_classes = cfg.INPUT.SNIPPET_LENGTH, cfg.MODEL.STMA.NUM_CLASSES
    image = (3, *cfg.INPUT.SIZE)
    maps, classes = (
        [-(-side // strides[name]) for side in cfg.INPUT.SIZE] if name in strides else []
        for name in (HEATMAP, ACTION)
    )
    has_action = cfg.MODEL.STMA.CENTER.CLASS_AGNOSTIC
    action: dict[str, Any] = {"action": (None, *classes)} if has_action else {}
    frames = {
        "features": (None, *maps),
        "size": (4 if cfg.MODEL.STMA.SIZE.GAUSSIAN else 2, *maps),
        **action,
    }
    windows = {
        "center": (1 if has_action else num_classes, *maps),
        "movement": (2 * num_frames, *maps),
        **({"classes": (num_classes, *classes)} if has_action else {}),
    }
    signatures = {FRAMES: Signature({"frames": image}, frames)}
    needed = {"features": (), **dict.fromkeys(action, ())}
    if cfg.MODEL.BACKBONE_3D.NAME:
        signatures[CLIPS] = Signature({"clips": (cfg.INPUT.CLIP_LENGTH, *image)}, {"features": ()})
        needed[CLIPS] = ()
    return {**signatures, WINDOWS: Signature(needed, windows)}


def _compare(
    part: str, kind: str, found: Mapping[str, Shape], expected: Mapping[str, Shape]
) -> None:
    if list(found) != list(expected):
        raise InputError(
            f"the part {part} has the {kind} {', '.join(found)} and must have {', '.join(expected)}"
        )
    for name, shape in expected.items():
        ours = found[name]
        fits = not shape or (
            len(ours) == len(shape)
            and all(b is None or a == b for a, b in zip(ours, shape, strict=True))
        )
        if not fits or None in ours:
            words = " x ".join("?" if side is None else str(side) for side in ours)
            wanted = " x ".join("any" if side is None else str(side) for side in shape)
            raise InputError(
                f"of the part {part}, the {kind} {name} has {words} values a row and must have "
                f"{wanted or 'a fixed number'}"
            )
