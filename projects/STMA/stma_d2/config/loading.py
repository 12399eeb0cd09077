"""From a file and overrides to a configuration."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from detectron2.config import CfgNode, get_cfg

from ..data import known_labels, register_dataset_file
from ..errors import InputError
from .defaults import add_stma_config
from .file import read_config_file
from .overriding import pairs, set_value
from .values import check_values

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
        set_value(cfg, key, value, f" ({path})")
    changes = pairs(overrides or ())
    for key, value in changes:
        set_value(cfg, key, value, "")
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
        try:
            register_dataset_file(path)
        except InputError as error:
            raise InputError(f"DATASETS.FILES: {error}") from error
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
