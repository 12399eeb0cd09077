"""Checking a configuration against the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from detectron2.config import CfgNode, get_cfg

from ..errors import InputError
from .rules import shown
from .schema import rules
from .without_effect import why_without_effect


def check_values(cfg: CfgNode, files: Mapping[str, str] | None = None) -> None:
    """Refuse values without meaning, and keys of Detectron2 without effect here.

    Args:
        cfg: the configuration.
        files: key -> the file that its value is from, as far as known.

    Raises:
        InputError: naming the first key, its value and what it must be.
    """
    defaults, allowed = dict(leaves(get_cfg())), rules()
    for key, value in leaves(cfg):
        given = f"{key} is {shown(value)}" + (f" ({files[key]})" if files and key in files else "")
        if key in allowed and not allowed[key].holds(value):
            raise InputError(f"{given}; it must be {allowed[key].words}")
        reason = why_without_effect(key, cfg.MODEL.BACKBONE.NAME)
        if reason and (type(value), value) != (type(defaults[key]), defaults[key]):
            raise InputError(
                f"{given}, but nothing here reads this key of Detectron2 ({reason}); leave it at "
                f"{defaults[key]!r}"
            )


def leaves(node: CfgNode, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The full names of a node's keys that are no nodes, with their values."""
    for name, value in node.items():
        if isinstance(value, CfgNode):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
