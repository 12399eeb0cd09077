"""What a network was trained as: its checkpoint carries it, and an evaluation has to agree.

The record is a dict of plain values: those of `network_settings` by key, ``config`` (the whole
configuration but OUTPUT_DIR, as YAML; TEST in it names the protocol and its rules) and what
`provenance` says.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from detectron2.config import CfgNode, get_cfg
from detectron2.modeling import BACKBONE_REGISTRY

from ..config import add_stma_config, by_full_name, load_config, value_of
from ..data import known_labels
from ..errors import InputError
from ..safe_yaml import parse_yaml
from ..version import __version__
from .provenance import provenance

logger = logging.getLogger(__name__)

# Keys that no weight's shape tells, and with other values of which the weights mean nothing.
_KEYS = (
    "INPUT.SIZE",
    "INPUT.SNIPPET_LENGTH",
    "INPUT.SNIPPET_POSITION",
    "MODEL.PIXEL_MEAN",
    "MODEL.PIXEL_STD",
    "MODEL.STMA.NUM_CLASSES",
)
_KEYS_OF_3D_BACKBONE = (
    "INPUT.CLIP_LENGTH",
    "INPUT.CLIP_FRAME_STRIDE",
    "MODEL.BACKBONE_3D.INPUT_FORMAT",
    "MODEL.BACKBONE_3D.PIXEL_MEAN",
    "MODEL.BACKBONE_3D.PIXEL_STD",
)
_KEYS_OF_DETECTRON2_BACKBONES = (
    "MODEL.FPN.FUSE_TYPE",
    "MODEL.RESNETS.RES5_DILATION",
    "MODEL.RESNETS.STRIDE_IN_1X1",
)
LABELS = "the labels"
# A configuration of a network with a class map, and the key that came with today's reading of it.
_HAS_CLASS_MAP = ("BACKBONE_3D:", "CLASS_AGNOSTIC: true")
_SINCE_THE_READING = "OUT_STRIDE:"
_OTHER_READING = ("the class map's pixel i", "at (i + 1/2) strides", "at i strides")
# Keys that change nothing of what is learned or measured.
_WITHOUT_CONSEQUENCE = (
    *("OUTPUT_DIR", "MODEL.WEIGHTS", "DATALOADER.NUM_WORKERS", "DATALOADER.TIMEOUT"),
    *("SOLVER.CHECKPOINTS_KEPT", "VIS_PERIOD"),
)
# What is needed to use a network; the rest tells how it was trained, and on what.
_SECTIONS_OF_USE = ("MODEL.", "INPUT.", "TEST.")


def network_settings(cfg: CfgNode, datasets: Sequence[str]) -> dict[str, Any]:
    """What a network of this configuration is trained or run as.

    Args:
        cfg: the configuration.
        datasets: registered data sets, of which the first tells the labels.

    Returns:
        Values by key in plain lists, strings and numbers; `LABELS` too where they are known.
    """
    keys = _KEYS + (_KEYS_OF_3D_BACKBONE if cfg.MODEL.BACKBONE_3D.NAME else ())
    if BACKBONE_REGISTRY.get(cfg.MODEL.BACKBONE.NAME).__module__.startswith("detectron2."):
        keys += _KEYS_OF_DETECTRON2_BACKBONES
    settings = {key: value_of(cfg, key) for key in keys}
    labels = known_labels(datasets[0]) if datasets else None
    if labels is not None:
        settings[LABELS] = labels
    return {k: list(v) if isinstance(v, list | tuple) else v for k, v in settings.items()}


def training_record(cfg: CfgNode, datasets: Sequence[str]) -> dict[str, Any]:
    """All that a checkpoint says about its training; see above.

    Args:
        cfg: the training's configuration.
        datasets: see `network_settings`.
    """
    config = cfg.clone()
    config.defrost()
    config.OUTPUT_DIR = get_cfg().OUTPUT_DIR  # no business of those who get the checkpoint
    return {
        **network_settings(cfg, datasets),
        "config": config.dump(),
        **provenance(cfg.MODEL.DEVICE),
    }


def record_of(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The training's record in a checkpoint, {} where there is none.

    A training's own checkpoint has it under ``trainer``, a published one at the top.
    """
    state = checkpoint.get("trainer", checkpoint)
    record = state.get("settings") if isinstance(state, Mapping) else None
    return dict(record) if isinstance(record, Mapping) else {}


def recorded_config(record: Mapping[str, Any], path: str, overrides: Sequence[Any] = ()) -> CfgNode:
    """The configuration to use a network with: its training's MODEL, INPUT and TEST.

    DATASETS is empty, since no data set is needed; MODEL.DEVICE is a GPU where one is visible.

    Args:
        record: of the checkpoint.
        path: of the checkpoint; becomes MODEL.WEIGHTS.
        overrides: keys and values in turn.

    Raises:
        InputError: naming the checkpoint, if it does not say its configuration or this version does
            not understand it; or naming the override that cannot be.
    """
    text = record.get("config")
    if not isinstance(text, str):
        raise InputError(
            f"the checkpoint {path} does not say its configuration, as those of other projects and "
            f"of older versions do not: give --config-file FILE and MODEL.WEIGHTS {path}"
        )
    content = parse_yaml(text, f"the configuration in {path}")
    values = dict(pair for pair in by_full_name(content) if pair[0].startswith(_SECTIONS_OF_USE))
    values["MODEL.WEIGHTS"] = path
    values["MODEL.DEVICE"] = "cuda" if torch.cuda.is_available() else "cpu"
    given = [word for pair in values.items() for word in pair]
    try:
        load_config("", given)
    except InputError as error:
        made_by = record.get("version", "an unknown version")
        raise InputError(
            f"the checkpoint {path} is of stma_d2 {made_by} and this is {__version__}: {error}"
        ) from error
    return load_config("", [*given, *overrides])


def check_settings(
    trained: Mapping[str, Any], now: Mapping[str, Any], path: str, *, allowed: bool
) -> None:
    """Compare what a checkpoint was trained as with what it is used as.

    Args:
        trained: `training_record` of the training; what it does not hold is not compared.
        now: `network_settings` of the configuration.
        path: of the checkpoint.
        allowed: whether differences are only told.

    Raises:
        InputError: naming the keys that differ, unless they are ``allowed`` to.
    """
    differences = "; ".join(
        f"{key}: {before} in its training, {value} now"
        for key, before, value in changed_settings(trained, now)
    )
    if not differences:
        return
    if not allowed:
        raise InputError(
            f"the checkpoint {path}: {differences}; use the configuration that it was trained "
            "with, or set TEST.OTHER_SETTINGS True"
        )
    logger.warning(f"TEST.OTHER_SETTINGS: the checkpoint {path}: {differences}")


def changed_settings(
    trained: Mapping[str, Any], now: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Key, old and new value of what a network is now otherwise than in its training.

    Args:
        trained: see `check_settings`.
        now: likewise.
    """
    config = trained.get("config")
    if not isinstance(config, str) or not all(words in config for words in _HAS_CLASS_MAP):
        return changed_values(trained, now)
    read = [] if _SINCE_THE_READING in config else [_OTHER_READING]
    return [*changed_values(trained, now), *read]


def changed_values(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Key, old and new value of what both have and have differently."""
    return [
        (key, before[key], value)
        for key, value in now.items()
        if key in before and before[key] != value
    ]


@cache
def _defaults() -> dict[str, Any]:
    """All keys' defaults, as a dumped configuration has them."""
    cfg = get_cfg()
    add_stma_config(cfg)
    return dict(by_full_name(parse_yaml(cfg.dump(), "the defaults")))


def _node(key: str) -> str:
    return key.rpartition(".")[0]


def changed_keys(record: Mapping[str, Any], cfg: CfgNode) -> list[tuple[str, Any, Any]]:
    """Which keys a configuration has otherwise than the training of a checkpoint.

    Keys that the record lacks beside others of their node are younger than it: the training went by
    what is their default.

    Args:
        record: `training_record` of the training; tells nothing if it holds no configuration.
        cfg: the configuration.

    Returns:
        key, old and new value; not of keys without consequence for what is learned or measured.

    Raises:
        InputError: if the record's configuration is no YAML.
    """
    before, now = record.get("config"), cfg.dump()
    if not isinstance(before, str):
        return []
    before, now = (
        dict(by_full_name(parse_yaml(text, "the configuration in the checkpoint")))
        for text in (before, now)
    )
    nodes = {_node(key) for key in before}
    younger = {key: value for key, value in _defaults().items() if _node(key) in nodes}
    changes = changed_values({**younger, **before}, now)
    return [change for change in changes if change[0] not in _WITHOUT_CONSEQUENCE]
