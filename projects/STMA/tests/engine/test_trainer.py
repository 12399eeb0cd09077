"""Iterations from epochs, the optimizer, mixed precision's condition."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.config import load_config
from stma_d2.engine import Trainer
from stma_d2.engine.trainer import set_iterations


def test_epochs_become_iterations_rounded_up():
    cfg = load_config("", ["SOLVER.EPOCHS", "3", "SOLVER.IMS_PER_BATCH", "8"])
    assert set_iterations(cfg, num_windows=21).SOLVER.MAX_ITER == 8  # 63 clips in batches of 8
    assert cfg.SOLVER.MAX_ITER != 8, "the given configuration is not changed"


def test_without_epochs_the_iterations_stay():
    cfg = load_config("", ["SOLVER.EPOCHS", "0", "SOLVER.MAX_ITER", "77"])
    assert set_iterations(cfg, num_windows=21).SOLVER.MAX_ITER == 77


def test_the_optimizer_is_adam_with_the_papers_learning_rate():
    optimizer = Trainer.build_optimizer(load_config(""), nn.Linear(2, 2))
    assert isinstance(optimizer, torch.optim.Adam)
    assert {group["lr"] for group in optimizer.param_groups} == {1e-4}


def test_the_learning_rate_is_a_cosine_to_zero():
    cfg = load_config("", ["SOLVER.MAX_ITER", "100", "SOLVER.WARMUP_ITERS", "0"])
    optimizer = Trainer.build_optimizer(cfg, nn.Linear(2, 2))
    scheduler = Trainer.build_lr_scheduler(cfg, optimizer)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[0] == pytest.approx(1e-4)
    assert rates[50] == pytest.approx(0.5e-4, rel=0.05)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)
