"""Functions in processes of their own, a finished training, and trainings of a few iterations."""

from __future__ import annotations

import itertools
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from detectron2.engine import HookBase

from stma_d2.engine import Trainer

LIMIT = 300  # seconds that a test's process may take; a busy machine is slow


@pytest.fixture
def in_processes(tmp_path):
    """Calls a function in a process a tuple of arguments; reads the ``<rank>.json`` they write.

    A folder for the records is the function's last argument.
    """

    def run(target: Callable[..., None], arguments: list[tuple]) -> list:
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=target, args=(*one, tmp_path)) for one in arguments]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=LIMIT)
            worker.kill()
        return [json.loads((tmp_path / f"{r}.json").read_text()) for r in range(len(workers))]

    return run


@pytest.fixture(scope="session")
def trained(train_net, tmp_path_factory) -> tuple[Path, str]:
    """The output folder and the log of a finished training of four iterations."""
    output = tmp_path_factory.mktemp("trained")
    run = train_net(output)
    assert run.returncode == 0, run.output
    return output, run.output


@pytest.fixture
def cfg(tiny_cfg, tmp_path):
    tiny_cfg.MODEL.STMA.NUM_CLASSES = 10
    tiny_cfg.DATASETS.TRAIN = ("synthetic_videos",)
    tiny_cfg.DATASETS.TEST = ()
    tiny_cfg.DATALOADER.NUM_WORKERS = 0
    tiny_cfg.SOLVER.IMS_PER_BATCH = 2
    tiny_cfg.SOLVER.MAX_ITER = 6
    tiny_cfg.SOLVER.CHECKPOINT_PERIOD = 2
    tiny_cfg.SEED = 3
    tiny_cfg.OUTPUT_DIR = str(tmp_path / "output")
    return tiny_cfg


class Interrupted(Exception):
    """In place of a killed process."""


@pytest.fixture
def interrupted() -> type[Exception]:
    """What is raised in place of a kill."""
    return Interrupted


class Observer(HookBase):
    """Remembers losses and learning rates; interrupts the training if asked to."""

    def __init__(self, interrupt_at=None):
        self.losses, self.rates, self.interrupt_at = {}, {}, interrupt_at

    def before_step(self):
        self.rates[self.trainer.iter] = self.trainer.optimizer.param_groups[0]["lr"]

    def after_step(self):
        self.losses[self.trainer.iter] = self.trainer.storage.latest()["total_loss"][0]
        if self.trainer.iter == self.interrupt_at:
            raise Interrupted


@pytest.fixture
def train(make_sample):
    """Trains on samples that are drawn from the process's own generators."""

    class Training(Trainer):
        @classmethod
        def build_train_loader(cls, cfg, index=None, *, stride, start_iter, seed):
            def batches():
                for _ in itertools.count():
                    seeds = torch.randint(1000, (cfg.SOLVER.IMS_PER_BATCH,)).tolist()
                    yield [make_sample(cfg, 1, 2, seed) for seed in seeds]

            return Batches(batches())

    class Batches:
        num_workers = 0

        def __init__(self, batches):
            self.batches = batches

        def __iter__(self):
            torch.rand(())  # as PyTorch's loader does
            return self.batches

    def run(cfg, *, resume=False, interrupt_at=None):
        torch.manual_seed(cfg.SEED)
        observer = Observer(interrupt_at)
        trainer = Training(cfg)
        trainer._hooks.insert(0, observer)
        observer.trainer = trainer
        trainer.resume_or_load(resume=resume)
        if interrupt_at is None:
            trainer.train()
        else:
            with pytest.raises(Interrupted):
                trainer.train()
        return observer

    return run
