"""Iterations from epochs, the optimizer, learning rates after a resume."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from stma_d2.config import load_config
from stma_d2.engine.schedule import (
    build_optimizer,
    epochs_to_iterations,
    scale_to_processes,
    set_learning_rates,
)
from stma_d2.engine.trainer import Trainer
from stma_d2.errors import InputError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def config(*overrides):
    return load_config("", ["MODEL.DEVICE", "cpu", *map(str, overrides)])


def test_epochs_become_iterations_rounded_up():
    """63 clips, in batches of 8; checkpoints and evaluations after 21 and 42 clips."""
    cfg = config(
        *("SOLVER.EPOCHS", 3, "SOLVER.IMS_PER_BATCH", 8, "SOLVER.CHECKPOINT_EPOCHS", 1),
        *("TEST.EVAL_EPOCHS", 2, "SOLVER.STEP_EPOCHS", "(1, 2)"),
        *("SOLVER.LR_SCHEDULER_NAME", "WarmupMultiStepLR"),
    )
    counted = epochs_to_iterations(cfg, num_windows=21)
    assert counted.SOLVER.MAX_ITER == 8
    assert counted.SOLVER.CHECKPOINT_PERIOD == 3
    assert counted.SOLVER.STEPS == (3, 6)
    assert counted.TEST.EVAL_PERIOD == 6
    assert cfg.SOLVER.MAX_ITER == 0, "the given configuration is not changed"


def test_iterations_stay_and_the_only_checkpoint_is_the_last():
    counted = epochs_to_iterations(config("SOLVER.MAX_ITER", 77), num_windows=21)
    assert counted.SOLVER.MAX_ITER == counted.SOLVER.CHECKPOINT_PERIOD == 77
    assert counted.TEST.EVAL_PERIOD == 0


@pytest.mark.parametrize(
    ("iterations", "epochs"),
    [
        (("SOLVER.MAX_ITER", 100), ("SOLVER.EPOCHS", 2)),
        (("SOLVER.CHECKPOINT_PERIOD", 100), ("SOLVER.CHECKPOINT_EPOCHS", 2)),
        (("TEST.EVAL_PERIOD", 100), ("TEST.EVAL_EPOCHS", 2)),
        (("SOLVER.STEPS", "(100,)"), ("SOLVER.STEP_EPOCHS", "(2,)")),
    ],
)
def test_the_same_in_iterations_and_in_epochs_is_refused(iterations, epochs):
    cfg = config("SOLVER.EPOCHS", 16, *iterations, *epochs)
    with pytest.raises(InputError) as error:
        epochs_to_iterations(cfg, 21)
    assert iterations[0] in str(error.value)
    assert epochs[0] in str(error.value)


def test_a_training_without_end_is_refused():
    with pytest.raises(InputError, match=r"SOLVER\.EPOCHS or SOLVER\.MAX_ITER"):
        epochs_to_iterations(config(), 21)


def test_steps_that_the_schedule_does_not_read_are_refused():
    with pytest.raises(InputError, match="WarmupCosineLR does not read SOLVER.STEPS"):
        epochs_to_iterations(config("SOLVER.EPOCHS", 2, "SOLVER.STEP_EPOCHS", "(1,)"), 21)


@pytest.mark.parametrize("steps", ["(4, 8)", "(8,)"])
def test_steps_outside_the_training_are_refused(steps):
    cfg = config(
        *("SOLVER.MAX_ITER", 8, "SOLVER.STEPS", steps),
        *("SOLVER.LR_SCHEDULER_NAME", "WarmupMultiStepLR"),
    )
    with pytest.raises(InputError, match=r"at iterations \(.*8,?\) of 8; .* before the end"):
        epochs_to_iterations(cfg, 21)


def test_epochs_whose_steps_come_at_the_same_iteration_are_refused():
    """An epoch of 2 windows is less than a batch of 24."""
    cfg = config(
        *("SOLVER.EPOCHS", 20, "SOLVER.STEP_EPOCHS", "(1, 2)"),
        *("SOLVER.LR_SCHEDULER_NAME", "WarmupMultiStepLR"),
    )
    with pytest.raises(InputError, match=r"at iterations \(1, 1\) of 2"):
        epochs_to_iterations(cfg, 2)


def test_the_solver_scales_with_the_processes_and_epochs_stay(monkeypatch):
    """From 1 to 4 processes: 32 clips at four times the learning rate; 2 x 64 / 32 iterations."""
    monkeypatch.setattr("stma_d2.engine.schedule.comm.get_world_size", lambda: 4)
    cfg = config(
        *("SOLVER.REFERENCE_WORLD_SIZE", 1, "SOLVER.IMS_PER_BATCH", 8, "SOLVER.EPOCHS", 2),
        *("SOLVER.BASE_LR", 1e-4, "SOLVER.WARMUP_ITERS", 100),
    )
    scaled = epochs_to_iterations(scale_to_processes(cfg), num_windows=64)
    assert scaled.SOLVER.IMS_PER_BATCH == 32
    assert pytest.approx(4e-4) == scaled.SOLVER.BASE_LR
    assert (scaled.SOLVER.MAX_ITER, scaled.SOLVER.WARMUP_ITERS) == (4, 25)


def test_short_periods_stay_on_when_the_solver_scales(monkeypatch):
    """From 1 to 4 processes, 8 iterations become 2, and "every iteration" stays so; 0 stays off."""
    monkeypatch.setattr("stma_d2.engine.schedule.comm.get_world_size", lambda: 4)
    scaling = ("SOLVER.REFERENCE_WORLD_SIZE", 1, "SOLVER.IMS_PER_BATCH", 8, "SOLVER.MAX_ITER", 8)
    for period, expected in ((1, 1), (2, 1), (8, 2), (0, 0)):
        periods = ("SOLVER.CHECKPOINT_PERIOD", period, "TEST.EVAL_PERIOD", period)
        scaled = scale_to_processes(config(*scaling, *periods))
        assert scaled.SOLVER.MAX_ITER == 2
        assert (scaled.SOLVER.CHECKPOINT_PERIOD, scaled.TEST.EVAL_PERIOD) == (expected, expected)


def test_a_reference_that_cannot_share_the_batch_is_refused():
    cfg = config("SOLVER.REFERENCE_WORLD_SIZE", 5, "SOLVER.IMS_PER_BATCH", 8)
    with pytest.raises(InputError, match="REFERENCE_WORLD_SIZE 5 .* evenly, not 8"):
        scale_to_processes(cfg)


def test_the_optimizer_is_adam_with_the_papers_learning_rate():
    optimizer = build_optimizer(config(), nn.Linear(2, 2))
    assert isinstance(optimizer, torch.optim.Adam)
    assert {group["lr"] for group in optimizer.param_groups} == {1e-4}


def test_biases_and_normalization_have_their_own_rates_and_decays():
    cfg = config(
        *("SOLVER.BIAS_LR_FACTOR", 2.0, "SOLVER.WEIGHT_DECAY_BIAS", 0.5),
        *("SOLVER.WEIGHT_DECAY", 0.25, "SOLVER.WEIGHT_DECAY_NORM", 0.125),
    )
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    names = {parameter: name for name, parameter in model.named_parameters()}
    found = {
        names[parameter]: (group["lr"], group["weight_decay"])
        for group in build_optimizer(cfg, model).param_groups
        for parameter in group["params"]
    }
    assert found == {
        "0.weight": (1e-4, 0.25),
        "0.bias": (2e-4, 0.5),
        "1.weight": (1e-4, 0.125),
        "1.bias": (2e-4, 0.5),
    }


def learning_rates(cfg, start=0, optimizer=None):
    """The rates of all iterations from ``start``, as the training's hook makes them."""
    optimizer = optimizer or build_optimizer(cfg, nn.Linear(2, 2))
    scheduler = Trainer.build_lr_scheduler(cfg, optimizer)
    if start:
        set_learning_rates(optimizer, scheduler, start)
    rates = []
    for _ in range(start, cfg.SOLVER.MAX_ITER):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_the_learning_rate_is_a_cosine_to_zero():
    rates = learning_rates(config("SOLVER.MAX_ITER", 100, "SOLVER.WARMUP_ITERS", 0))
    assert rates[0] == pytest.approx(1e-4)
    assert rates[50] == pytest.approx(0.5e-4, rel=0.05)
    assert rates[99] == pytest.approx(0, abs=1e-7)


def test_a_warm_up_that_takes_up_the_whole_training_is_told(caplog):
    """It ends where the cosine does, at zero: the rate that was asked for is never reached."""
    for warm_up, told in ((0, False), (9, False), (10, True), (20, True)):
        caplog.clear()
        cfg = config("SOLVER.MAX_ITER", 10, "SOLVER.WARMUP_ITERS", warm_up)
        rates = learning_rates(epochs_to_iterations(cfg, num_windows=100))
        assert ("WARMUP_ITERS" in caplog.text) == told
        assert (max(rates) < cfg.SOLVER.BASE_LR / 500) == told


def test_learning_rates_go_on_where_they_were():
    cfg = config("SOLVER.MAX_ITER", 40, "SOLVER.WARMUP_ITERS", 10)
    whole = learning_rates(cfg)
    for start in (1, 5, 10, 39):
        assert learning_rates(cfg, start) == whole[start:]


def test_mocs_learning_rate_falls_after_epochs_6_and_8():
    cfg = load_config(
        str(CONFIGS / "MOC" / "UCF101-24_DLA34_K7.yaml"), ["SOLVER.IMS_PER_BATCH", "1"]
    )
    rates = learning_rates(epochs_to_iterations(cfg, num_windows=10))
    assert rates == pytest.approx([5e-4] * 60 + [5e-5] * 20 + [5e-6] * 40)
