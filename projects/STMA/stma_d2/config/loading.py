"""From a file and overrides to a configuration."""

from __future__ import annotations

import logging
from ast import literal_eval
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import torch
from detectron2.config import CfgNode, get_cfg

from ..errors import InputError
from .defaults import add_stma_config
from .file import read_config_file
from .rules import shown
from .values import check_values, leaves

logger = logging.getLogger(__name__)


def load_config(config_file: str, overrides: Sequence[Any] | None = None) -> CfgNode:
    """Read a configuration file and apply ``KEY VALUE`` overrides.

    MODEL.DEVICE falls back to the CPU where no GPU is visible.

    Args:
        config_file: a YAML file; "" takes the defaults.
        overrides: keys and values in turns; a value is Python's or, as on the command line, text
            that means it.

    Raises:
        InputError: in one line, if the file cannot be read (see `read_config_file`), or it or an
            override names an unknown key, or one without effect, or a value without meaning (see
            `check_values`).
    """
    cfg = get_cfg()
    add_stma_config(cfg)
    given = read_config_file(config_file) if config_file else {}
    for key, (value, path) in given.items():
        _set(cfg, key, value, f" ({path})")
    changes = _pairs(overrides or ())
    for key, value in changes:
        _set(cfg, key, value, "")
    changed = {key for key, _ in changes}
    check_values(cfg, {key: one.path for key, one in given.items() if key not in changed})
    _choose_device(cfg)
    return cfg


def _pairs(overrides: Sequence[Any]) -> list[tuple[Any, Any]]:
    for word in overrides:
        if isinstance(word, str) and word.startswith("--"):
            raise InputError(
                f"the option {word} stands among the KEY VALUE overrides; put it before the first "
                f"of them, {overrides[0]}"
            )
    if len(overrides) % 2:
        raise InputError(
            f"the override {overrides[-1]} has no value; overrides are pairs: KEY VALUE"
        )
    return list(zip(overrides[::2], overrides[1::2], strict=True))


def _set(cfg: CfgNode, key: Any, value: Any, source: str) -> None:
    """Give ``key`` its value, in the type that the key has if it can be had without loss."""
    node, *names = cfg, *str(key).split(".")
    for name in names[:-1]:
        node = node.get(name) if isinstance(node, CfgNode) else None
    if not isinstance(node, CfgNode) or names[-1] not in node:
        close = get_close_matches(str(key), [known for known, _ in leaves(cfg)], 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise InputError(f"there is no key {shown(key)}{source}{hint}")
    present = node[names[-1]]
    if isinstance(present, CfgNode):
        known = ", ".join(list(present)[:3])
        raise InputError(f"{key} is {shown(value)}{source}; it must hold keys: {known}, ...")
    node[names[-1]] = _like(present, _meant(present, value))


def _meant(present: Any, value: Any) -> Any:
    """What a text means: itself where a text belongs, and otherwise what Python reads in it."""
    if not isinstance(value, str):
        return value
    try:
        meant = literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return value
    return value if isinstance(present, str) and not isinstance(meant, str) else meant


def _like(present: Any, value: Any) -> Any:
    """``value`` in the type of ``present``, for numbers and lists."""
    if type(present) is float and type(value) is int:
        return float(value) if abs(value) < 2**53 else value
    if isinstance(present, list | tuple) and isinstance(value, list | tuple):
        nested = len(present) > 0 and isinstance(present[0], list | tuple)
        return type(present)(_like(present[0], one) if nested else one for one in value)
    return value


def _choose_device(cfg: CfgNode) -> None:
    device = cfg.MODEL.DEVICE
    if not device.startswith("cuda"):
        return
    if not torch.cuda.is_available():
        logger.warning(f"no GPU is visible: MODEL.DEVICE {device} falls back to cpu")
        cfg.MODEL.DEVICE = "cpu"
    elif (torch.device(device).index or 0) > (last := max(torch.cuda.device_count() - 1, 0)):
        raise InputError(
            f"MODEL.DEVICE is {device!r}; the last of the visible GPUs is 'cuda:{last}'"
        )
