"""What the system must grant: too little is told at the start."""

from __future__ import annotations

import errno
import multiprocessing
import os
import re
import resource
from collections import namedtuple

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from stma_d2.data.sample_batch import SampleBatch
from stma_d2.engine import limits
from stma_d2.errors import InputError

Usage = namedtuple("Usage", "free")


@pytest.fixture
def cfg(tiny_cfg):
    """Clips of 8 frames of 64 x 64: 0.1 MB."""
    tiny_cfg.DATALOADER.NUM_WORKERS = 2
    tiny_cfg.SOLVER.IMS_PER_BATCH = 8
    return tiny_cfg


def free(monkeypatch, size):
    monkeypatch.setattr(limits.shutil, "disk_usage", lambda path: Usage(size))


def test_shared_memory_must_hold_the_batches_that_are_prepared(cfg, monkeypatch):
    """2 workers x 2 batches x 8 clips x 8 frames x 64 x 64 x 3 bytes = 3 MiB, and 1.1 to test."""
    cfg.DATASETS.TEST = ()
    free(monkeypatch, 2.9 * 2**20)
    with pytest.raises(InputError, match=r"3 MiB of shared memory.*/dev/shm.*NUM_WORKERS"):
        limits.check_limits(cfg, training=True)
    free(monkeypatch, 3.1 * 2**20)
    limits.check_limits(cfg, training=True)
    cfg.DATASETS.TEST = ("a test set",)
    with pytest.raises(InputError, match="shared memory"):
        limits.check_limits(cfg, training=True)


def test_without_workers_no_shared_memory_is_needed(cfg, monkeypatch):
    cfg.DATALOADER.NUM_WORKERS = 0
    free(monkeypatch, 0)
    limits.check_limits(cfg, training=True)


def test_too_few_descriptors_are_told(cfg, monkeypatch):
    free(monkeypatch, 2**40)
    monkeypatch.setattr(limits.resource, "getrlimit", lambda kind: (40, 40))
    with pytest.raises(InputError, match=r"file descriptors.*allows 40.*ulimit.*NUM_WORKERS"):
        limits.check_limits(cfg, training=True)
    cfg.DATALOADER.NUM_WORKERS = 0
    limits.check_limits(cfg, training=True)


def test_workers_have_no_more_descriptors_open_than_the_estimate_allows(cfg, make_sample):
    sample = make_sample(cfg, 1, 2)

    def open_files():
        return len(os.listdir("/proc/self/fd"))

    def loader():
        data, batch = [sample] * 160, 20
        return iter(DataLoader(data, batch, num_workers=2, collate_fn=SampleBatch))

    before, training, testing = open_files(), loader(), loader()
    batches = [next(training), next(testing)]
    allowed = limits._OTHER_DESCRIPTORS + 2 * limits._DESCRIPTORS_PER_WORKER
    assert open_files() - before <= allowed
    assert len(batches) == 2


def raise_limit(pipe):
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
    limits.raise_descriptor_limit()
    pipe.send(resource.getrlimit(resource.RLIMIT_NOFILE))


def test_the_soft_limit_of_descriptors_becomes_the_hard_one():
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 512:
        pytest.skip("this system allows fewer")
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=raise_limit, args=(theirs,))
    process.start()
    assert ours.recv() == (512, 512)
    process.join(timeout=30)


def test_a_disk_without_room_for_a_checkpoint_is_told(tmp_path, monkeypatch):
    model = nn.Linear(2**18, 1, bias=False)  # 1 MiB
    free(monkeypatch, 2.9 * 2**20)
    with pytest.raises(InputError, match="3 MiB free and a checkpoint needs 3 MiB"):
        limits.check_disk_space(str(tmp_path), model, num_copies=3)
    limits.check_disk_space(str(tmp_path), model, num_copies=2)


def test_errors_of_the_disk_are_known():
    assert limits.is_disk_error(OSError(errno.ENOSPC, "full"))
    assert not limits.is_disk_error(OSError(errno.ECONNRESET, "reset"))
    assert not limits.is_disk_error(ValueError())


def test_errors_of_the_memory_are_told_in_one_line_with_what_takes_less(cfg):
    """PyTorch's own, numpy's and OpenCV's; the sizes are beyond all machines."""
    of_opencv = cv2.error("no room")
    of_opencv.code = cv2.Error.StsNoMem

    def fail(error):
        raise error

    for run in (
        lambda: torch.empty(2**60, dtype=torch.uint8),
        lambda: np.empty(2**60, np.uint8),
        lambda: fail(torch.OutOfMemoryError("CUDA out of memory.\n" + "Tried to. " * 100)),
        lambda: fail(of_opencv),
        lambda: fail(MemoryError()),
    ):
        with pytest.raises(InputError) as error, limits.memory_errors_named(cfg):
            run()
        assert re.match(r"out of memory \(.+\): .*SOLVER.IMS_PER_BATCH \(8\)", str(error.value))
        assert "\n" not in str(error.value) and len(str(error.value)) < 600


@pytest.mark.parametrize("error", [RuntimeError("shapes"), cv2.error("size"), KeyError("memory")])
def test_other_errors_are_not_the_memory_s(cfg, error):
    with pytest.raises(type(error)), limits.memory_errors_named(cfg):
        raise error
