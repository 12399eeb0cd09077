"""Checking a configuration against the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.distributed as dist
from detectron2.config import CfgNode, get_cfg
from detectron2.utils import comm

from ..errors import InputError
from .defaults import add_stma_config
from .overriding import by_full_name
from .rules import shown
from .schema import rules
from .without_effect import why_without_effect

# Of Detectron2's group normalization.
_GROUPS = 32
# Keys of a normalization, and of the channels that it normalizes.
_NORMALIZED = (
    ("MODEL.STMA.HEAD_NORM", "MODEL.STMA.HEAD_CHANNELS"),
    ("MODEL.STMA.HEAD_NORM", "MODEL.STMA.SIZE.HEAD_CHANNELS"),
    ("MODEL.FPN.NORM", "MODEL.FPN.OUT_CHANNELS"),
)


def check_values(cfg: CfgNode, files: Mapping[str, str] | None = None) -> None:
    """Refuse values without meaning, alone or together, and keys without effect here.

    Args:
        cfg: the configuration.
        files: key -> the file that its value is from, as far as known.

    Raises:
        InputError: naming the first key, its value and what it must be.
    """
    defaults, allowed = default_values(), rules()
    for key, value in by_full_name(cfg):
        given = f"{key} is {shown(value)}" + (f" ({files[key]})" if files and key in files else "")
        if key in allowed and not allowed[key].holds(value):
            raise InputError(f"{given}; it must be {allowed[key].words}")
        reason = why_without_effect(key, cfg)
        if reason and (type(value), value) != (type(defaults[key]), defaults[key]):
            raise InputError(
                f"{given}, but nothing here reads this key ({reason}); leave it at "
                f"{defaults[key]!r}"
            )
    _check_norms(cfg)
    _check_device(cfg)


def default_values() -> dict[str, Any]:
    """The defaults of all keys, Detectron2's and ours."""
    cfg = get_cfg()
    add_stma_config(cfg)
    return dict(by_full_name(cfg))


def _check_device(cfg: CfgNode) -> None:
    """Refuse one GPU by its number for several processes, each of which has its own."""
    processes = comm.get_world_size()
    if processes > 1 and cfg.MODEL.DEVICE.startswith("cuda:"):
        raise InputError(
            f"MODEL.DEVICE is {cfg.MODEL.DEVICE!r}, one GPU for {processes} processes; set it to "
            "'cuda', and each takes its own"
        )


def _check_norms(cfg: CfgNode) -> None:
    """Refuse normalization that the number of channels or the device does not allow."""
    values = dict(by_full_name(cfg))
    for norm, channels in _NORMALIZED:
        if values[norm] == "GN" and values[channels] % _GROUPS:
            raise InputError(
                f"{norm} is 'GN', of {_GROUPS} groups; {channels} must be a multiple of {_GROUPS}, "
                f"not {values[channels]}"
            )
    if cfg.MODEL.DEVICE != "cpu" or not dist.is_initialized():
        return
    for key, value in values.items():
        if key.endswith("NORM") and value in ("SyncBN", "nnSyncBN"):
            raise InputError(
                f"{key} is {value!r}, which processes of a group cannot compute on CPUs; set it to "
                "'BN'"
            )
