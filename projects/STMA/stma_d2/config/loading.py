"""From a file and overrides to a configuration."""

from __future__ import annotations

import logging
from ast import literal_eval
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import torch
from detectron2.config import CfgNode, get_cfg

from ..data import known_labels, register_dataset_file
from ..errors import InputError
from .defaults import add_stma_config
from .file import read_config_file
from .rules import shown
from .values import check_values, leaves

logger = logging.getLogger(__name__)


def load_config(config_file: str, overrides: Sequence[Any] | None = None) -> CfgNode:
    """Read a configuration file and apply ``KEY VALUE`` overrides.

    MODEL.DEVICE falls back to the CPU where no GPU is visible. The data sets of DATASETS.FILES are
    registered, see `register_dataset_files`.

    Args:
        config_file: a YAML file, see `find_config_file`; "" takes the defaults.
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
    register_dataset_files(cfg)
    return cfg


def register_dataset_files(cfg: CfgNode) -> None:
    """Register the data sets of DATASETS.FILES, and take from the data what is to come from them.

    Args:
        cfg: its MODEL.STMA.NUM_CLASSES, if 0, becomes the number of labels of the first data set of
            DATASETS.TRAIN or, where that is empty, of DATASETS.TEST.

    Raises:
        InputError: if a file is wrong, see `register_dataset_file`, or the number is not known.
    """
    for path in cfg.DATASETS.FILES:
        register_dataset_file(path)
    if cfg.MODEL.STMA.NUM_CLASSES > 0:
        return
    first = next(iter([*cfg.DATASETS.TRAIN, *cfg.DATASETS.TEST]), None)
    labels = known_labels(first) if first else None
    if labels is None:
        raise InputError(
            "MODEL.STMA.NUM_CLASSES is 0, which takes the number of classes from the data set, but "
            + (f"the labels of '{first}' are not known" if first else "DATASETS names none")
            + "; name the data set's file in DATASETS.FILES, or set the number"
        )
    cfg.MODEL.STMA.NUM_CLASSES = len(labels)


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
    """``value`` in the type of ``present``, for numbers, lists, and lists in lists."""
    if type(present) is float and type(value) is int:
        return float(value) if abs(value) < 2**53 else value
    if isinstance(present, list | tuple) and isinstance(value, list | tuple):
        if len(present) == len(value) and any(isinstance(item, list | tuple) for item in present):
            value = [_like(one, other) for one, other in zip(present, value, strict=True)]
        return type(present)(value)
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
