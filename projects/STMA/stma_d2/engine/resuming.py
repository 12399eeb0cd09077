"""Going on from a checkpoint: whether that can be done, and what is no longer as it was."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from detectron2.config import CfgNode

from ..checkpoint import changed_keys, changed_settings, network_settings
from ..errors import InputError
from .random_state import random_state_kept, set_random_state

logger = logging.getLogger(__name__)

# What a state needs to have, and of what type; the rest shows when it is taken.
_NEEDED = {
    **{"iteration": int, "data_seed": int, "num_windows": int},
    **{"_trainer": Mapping, "random_states": list, "settings": Mapping},
}
# What a changed key means beyond itself.
_MEANING = {
    "SEED": "; it has no effect: order of the data, augmentation and random numbers go on as the "
    "checkpoint's seed has them",
    "DATASETS.TRAIN": "; the order of the data cannot go on, another one begins here",
    "SOLVER.EMA.DECAY": "; the trained weights go on, and an average that begins here begins with "
    "them",
    "SOLVER.IMS_PER_BATCH": "; the place in the data is iteration x batch, so that windows are "
    "left out or come again",
}


def check_state(state: Mapping[str, Any], cfg: CfgNode) -> None:
    """Check that a training can go on from a checkpoint's state.

    Args:
        state: see `Trainer.state_dict`; may come from anywhere.
        cfg: the configuration that the training goes on with.

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
    iteration, max_iter = state["iteration"], cfg.SOLVER.MAX_ITER
    if iteration >= max_iter:
        raise InputError(
            f"it is of iteration {iteration} and the training ends after {max_iter}; raise "
            "SOLVER.MAX_ITER or EPOCHS"
        )
    settings = network_settings(cfg, cfg.DATASETS.TRAIN)
    if changes := changed_settings(state["settings"], settings):
        told = "; ".join(f"{key} was {before} and is {now}" for key, before, now in changes)
        raise InputError(f"its network is another ({told}); set that back")
    with random_state_kept():
        for random_state in state["random_states"]:
            set_random_state(random_state)


def log_changes(state: Mapping[str, Any], cfg: CfgNode, num_windows: int) -> None:
    """Say what a resumed training has otherwise than its checkpoint, a line a key.

    Args:
        state: see `Trainer.state_dict`.
        cfg: the configuration that the training goes on with.
        num_windows: of its training data.
    """
    changes = changed_keys(state["settings"], cfg)
    for key, before, now in changes:
        logger.warning(
            f"{key} was {before} in the checkpoint and is {now} from here{_MEANING.get(key, '')}"
        )
    before = state["num_windows"]
    if before != num_windows and "DATASETS.TRAIN" not in {key for key, *_ in changes}:
        logger.warning(
            f"DATASETS.TRAIN had {before} training windows in the checkpoint and has "
            f"{num_windows} from here{_MEANING['DATASETS.TRAIN']}"
        )
