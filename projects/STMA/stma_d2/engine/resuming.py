"""Going on from a checkpoint: whether that can be done, and what is no longer as it was."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from detectron2.config import CfgNode

from ..checkpoint import changed_keys, config_record, network_settings
from ..errors import InputError
from .random_state import random_state_kept, set_random_state

logger = logging.getLogger(__name__)

# What a state needs to have, and of what type; the rest shows when it is taken.
_NEEDED = {
    **{"iteration": int, "data_seed": int, "num_windows": int},
    **{"_trainer": Mapping, "random_states": list, "config": Mapping, "settings": Mapping},
}
# What a changed key means beyond itself.
_MEANING = {
    "SEED": "; it has no effect: order of the data, augmentation and random numbers go on as the "
    "checkpoint's seed has them",
    "DATASETS.TRAIN": "; the order of the data cannot go on, another one begins here",
    "SOLVER.IMS_PER_BATCH": "; the place in the data is iteration x batch, so that windows are "
    "left out or come again",
}


def training_record(cfg: CfgNode, num_windows: int) -> dict[str, Any]:
    """What a training is, as its checkpoints tell it.

    Args:
        cfg: the configuration.
        num_windows: of the training data.

    Returns:
        dict with
            * config: see `config_record`
            * settings: see `network_settings`
            * num_windows (int)
    """
    return {
        "config": config_record(cfg),
        "settings": network_settings(cfg, cfg.DATASETS.TRAIN),
        "num_windows": num_windows,
    }


def check_state(state: Mapping[str, Any], record: Mapping[str, Any], max_iter: int) -> None:
    """Check that a training can go on from a checkpoint's state.

    Args:
        state: see `Trainer.state_dict`; may come from anywhere.
        record: `training_record` of the training.
        max_iter: where it ends.

    Raises:
        InputError: naming what is missing or other; what to do, the caller says.
        Exception: of any kind, if a part is of another form than it is saved in.
    """
    if missing := [name for name in _NEEDED if name not in state]:
        raise InputError(
            f"it does not hold a whole training ({', '.join(missing)} is missing), as older "
            "versions' and other programs' checkpoints do not"
        )
    for name, kind in _NEEDED.items():
        value = state[name]
        if not isinstance(value, kind) or (kind is int and value < 0) or value == []:
            raise InputError(f"its {name} is not what a training saves but {str(value)[:40]!r}")
    iteration = state["iteration"]
    if iteration >= max_iter:
        raise InputError(
            f"it is of iteration {iteration} and the training ends after {max_iter}; raise "
            "SOLVER.MAX_ITER or EPOCHS"
        )
    if changes := changed_keys(state["settings"], record["settings"]):
        told = "; ".join(f"{key} was {before} and is {now}" for key, before, now in changes)
        raise InputError(f"its network is another ({told}); set that back")
    with random_state_kept():
        for random_state in state["random_states"]:
            set_random_state(random_state)


def log_changes(state: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Say what a resumed training has otherwise than its checkpoint, a line a key."""
    changes = changed_keys(state["config"], record["config"])
    for key, before, now in changes:
        logger.warning(
            f"{key} was {before} in the checkpoint and is {now} from here{_MEANING.get(key, '')}"
        )
    before, now = state["num_windows"], record["num_windows"]
    if before != now and "DATASETS.TRAIN" not in {key for key, *_ in changes}:
        logger.warning(
            f"DATASETS.TRAIN had {before} training windows in the checkpoint and has {now} from "
            f"here{_MEANING['DATASETS.TRAIN']}"
        )
