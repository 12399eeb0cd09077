"""The solver: epochs as iterations, the optimizer, and a resumed training's learning rates."""

from __future__ import annotations

import logging
import math
from itertools import pairwise

import torch
from detectron2.config import CfgNode
from detectron2.engine import DefaultTrainer
from detectron2.solver import LRMultiplier
from detectron2.solver.build import get_default_optimizer_params, maybe_add_gradient_clipping
from detectron2.utils import comm
from torch import nn

from ..errors import InputError

logger = logging.getLogger(__name__)

# What is counted in iterations by one key and in epochs by another.
_COUNTS = (
    ("SOLVER", "MAX_ITER", "EPOCHS"),
    ("SOLVER", "STEPS", "STEP_EPOCHS"),
    ("SOLVER", "CHECKPOINT_PERIOD", "CHECKPOINT_EPOCHS"),
    ("TEST", "EVAL_PERIOD", "EVAL_EPOCHS"),
)


def scale_to_processes(cfg: CfgNode) -> CfgNode:
    """Scale the solver from SOLVER.REFERENCE_WORLD_SIZE to the processes there are, in a copy.

    The batch and the learning rate grow with the number of processes, iterations shrink; what is
    counted in epochs stays.

    Raises:
        InputError: if the reference processes could not share the batch.
    """
    reference, batch = cfg.SOLVER.REFERENCE_WORLD_SIZE, cfg.SOLVER.IMS_PER_BATCH
    if reference and batch % reference:
        raise InputError(
            f"SOLVER.REFERENCE_WORLD_SIZE {reference} needs a SOLVER.IMS_PER_BATCH that so many "
            f"processes can share evenly, not {batch}; 0 scales nothing"
        )
    scaled = DefaultTrainer.auto_scale_workers(cfg, comm.get_world_size()).clone()
    scaled.defrost()
    # Detectron2 rounds: short periods to 0, which would turn them off.
    for section, period in (("SOLVER", "CHECKPOINT_PERIOD"), ("TEST", "EVAL_PERIOD")):
        scaled[section][period] = max(scaled[section][period], min(cfg[section][period], 1))
    scaled.freeze()
    return scaled


def epochs_to_iterations(cfg: CfgNode, num_windows: int) -> CfgNode:
    """Turn what ``cfg`` counts in epochs into iterations, in a copy.

    Afterwards SOLVER.MAX_ITER, STEPS, CHECKPOINT_PERIOD and TEST.EVAL_PERIOD hold, rounded up.

    Args:
        cfg: the configuration.
        num_windows: training windows, each of which an epoch has once.

    Raises:
        InputError: if the same is given in iterations and in epochs, or the end in neither, or if
            the schedule does not read the steps, or they do not lie inside the training.
    """
    cfg = cfg.clone()
    cfg.defrost()
    for section, iterations, epochs in _COUNTS:
        node = cfg[section]
        count = node[epochs]
        if not count:
            continue
        if node[iterations]:
            raise InputError(
                f"{section}.{epochs} {count} and {section}.{iterations} {node[iterations]} say the "
                f"same in epochs and in iterations; set one of them to "
                f"{'()' if isinstance(count, tuple) else 0}"
            )
        if isinstance(count, tuple):
            node[iterations] = tuple(_iterations(cfg, n, num_windows) for n in count)
        else:
            node[iterations] = _iterations(cfg, count, num_windows)
    solver = cfg.SOLVER
    if solver.MAX_ITER < 1:
        raise InputError("the training has no end: set SOLVER.EPOCHS or SOLVER.MAX_ITER above 0")
    if solver.STEPS and solver.LR_SCHEDULER_NAME != "WarmupMultiStepLR":
        raise InputError(
            f"SOLVER.LR_SCHEDULER_NAME {solver.LR_SCHEDULER_NAME} does not read SOLVER.STEPS and "
            "STEP_EPOCHS; WarmupMultiStepLR does"
        )
    if any(low >= high for low, high in pairwise((0, *solver.STEPS, solver.MAX_ITER))):
        raise InputError(
            f"the steps of the learning rate come at iterations {tuple(solver.STEPS)} of "
            f"{solver.MAX_ITER}; each must come after the one before and before the end "
            "(SOLVER.STEPS, SOLVER.STEP_EPOCHS)"
        )
    if solver.MAX_ITER <= solver.WARMUP_ITERS:
        logger.warning(
            f"SOLVER.WARMUP_ITERS {solver.WARMUP_ITERS} takes up all {solver.MAX_ITER} iterations: "
            "the learning rate goes straight from SOLVER.WARMUP_FACTOR x BASE_LR to where the "
            "schedule ends, and hardly anything is learned"
        )
    # Without a period the only checkpoint is the last one.
    solver.CHECKPOINT_PERIOD = solver.CHECKPOINT_PERIOD or solver.MAX_ITER
    logger.info(
        f"{solver.MAX_ITER} iterations of {solver.IMS_PER_BATCH} clips are "
        f"{solver.MAX_ITER * solver.IMS_PER_BATCH / num_windows:.3g} epochs of {num_windows}"
    )
    cfg.freeze()
    return cfg


def _iterations(cfg: CfgNode, epochs: int, num_windows: int) -> int:
    return math.ceil(epochs * num_windows / cfg.SOLVER.IMS_PER_BATCH)


def build_optimizer(cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
    """Adam with the learning rates and weight decays of ``cfg.SOLVER`` (paper, section 3.1)."""
    solver = cfg.SOLVER
    parameters = get_default_optimizer_params(
        model,
        base_lr=solver.BASE_LR,
        weight_decay=solver.WEIGHT_DECAY,
        weight_decay_norm=solver.WEIGHT_DECAY_NORM,
        bias_lr_factor=solver.BIAS_LR_FACTOR,
        weight_decay_bias=solver.WEIGHT_DECAY_BIAS,
    )
    return maybe_add_gradient_clipping(cfg, torch.optim.Adam)(parameters, solver.BASE_LR)


def set_learning_rates(
    optimizer: torch.optim.Optimizer, scheduler: LRMultiplier, iteration: int
) -> None:
    """Go on with the configuration's learning rates at ``iteration`` (0-based)."""
    scheduler.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
    scheduler.last_epoch = iteration
    for group, learning_rate in zip(optimizer.param_groups, scheduler.get_lr(), strict=True):
        group["lr"] = learning_rate
