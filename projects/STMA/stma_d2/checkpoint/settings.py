"""What a network was trained as: its checkpoint carries it, and an evaluation has to agree."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog

from ..errors import InputError

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
LABELS = "the labels"
# Keys that change nothing of what is learned or measured.
_WITHOUT_CONSEQUENCE = (
    *("OUTPUT_DIR", "MODEL.WEIGHTS", "DATALOADER.NUM_WORKERS", "DATALOADER.TIMEOUT"),
    *("SOLVER.CHECKPOINTS_KEPT", "VIS_PERIOD"),
)


def network_settings(cfg: CfgNode, datasets: Sequence[str]) -> dict[str, Any]:
    """What a network of this configuration is trained or run as.

    Args:
        cfg: the configuration.
        datasets: registered data sets, of which the first tells the labels.

    Returns:
        Values by key in plain lists, strings and numbers; `LABELS` too where they are known.
    """
    keys = _KEYS + (_KEYS_OF_3D_BACKBONE if cfg.MODEL.BACKBONE_3D.NAME else ())
    settings = {key: reduce(lambda node, name: node[name], key.split("."), cfg) for key in keys}
    labels = MetadataCatalog.get(datasets[0]).get("thing_classes") if datasets else None
    if labels is not None:
        settings[LABELS] = labels
    return {k: list(v) if isinstance(v, list | tuple) else v for k, v in settings.items()}


def check_settings(
    trained: Mapping[str, Any], now: Mapping[str, Any], path: str, *, allowed: bool
) -> None:
    """Compare what a checkpoint was trained as with what it is used as.

    Args:
        trained: `network_settings` of the training; what it does not hold is not compared.
        now: those of the configuration.
        path: of the checkpoint.
        allowed: whether differences are only told.

    Raises:
        InputError: naming the keys that differ, unless they are ``allowed`` to.
    """
    differences = "; ".join(
        f"{key}: {trained[key]} in its training, {now[key]} now"
        for key in now
        if key in trained and trained[key] != now[key]
    )
    if not differences:
        return
    if not allowed:
        raise InputError(
            f"the checkpoint {path}: {differences}; use the configuration that it was trained "
            "with, or set TEST.OTHER_SETTINGS True"
        )
    logger.warning(f"TEST.OTHER_SETTINGS: the checkpoint {path}: {differences}")


def config_record(cfg: CfgNode, prefix: str = "") -> dict[str, Any]:
    """A whole configuration as a checkpoint keeps it: ``{"SOLVER.BASE_LR": 0.0001, ...}``.

    Values are numbers, text, None and lists; keys without consequence are left out.
    """
    record = {}
    for name, value in cfg.items():
        key = f"{prefix}{name}"
        if isinstance(value, CfgNode):
            record |= config_record(value, f"{key}.")
        elif key not in _WITHOUT_CONSEQUENCE:
            record[key] = _plain(value)
    return record


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def changed_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Key, old and new value of what two of `config_record` have and have differently."""
    return [
        (key, before[key], value)
        for key, value in now.items()
        if key in before and before[key] != value
    ]
