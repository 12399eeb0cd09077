"""What the system must grant a training: file descriptors, memory, room on the disk."""

from __future__ import annotations

import os
import resource
import shutil
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from torch import nn

from ..data import ClipSampler
from ..errors import DISK_ERRORS, InputError
from .folder import check_output_dir

_SHARED_MEMORY = "/dev/shm"
# Batches that each worker of a loader prepares ahead (PyTorch's default).
_PREFETCH = 2
# File descriptors that a process has open for each worker of its training loader and, at the same
# time, of its test loader; and for all else: libraries, logs, sockets, videos.
_DESCRIPTORS_PER_WORKER, _OTHER_DESCRIPTORS = 10, 32


def raise_descriptor_limit() -> None:
    """Allow this process and its children as many open files as the system lets them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def check_limits(cfg: CfgNode, *, training: bool) -> None:
    """Check that the loaders' workers have the descriptors and the shared memory they need.

    Without them a worker would hang or be killed at some later batch.

    Args:
        cfg: the configuration.
        training: whether a training's workers are there beside an evaluation's.

    Raises:
        InputError: naming what is short, how much is needed and what to do.
    """
    workers = cfg.DATALOADER.NUM_WORKERS
    if workers == 0:
        return
    clips = _PREFETCH * cfg.SOLVER.IMS_PER_BATCH // comm.get_world_size() if training else 0
    chunks = _PREFETCH if cfg.DATASETS.TEST else 0
    descriptors = _OTHER_DESCRIPTORS + _DESCRIPTORS_PER_WORKER * workers
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and limit < descriptors:
        raise InputError(
            f"{workers} data loading workers need about {descriptors} file descriptors and this "
            f"system allows {limit}; raise the limit (ulimit -Hn, docker run --ulimit nofile=...), "
            "or lower DATALOADER.NUM_WORKERS"
        )
    needed = clips * _clip_bytes(cfg) + chunks * _chunk_bytes(cfg)
    needed *= comm.get_local_size() * workers
    if os.path.isdir(_SHARED_MEMORY) and (free := shutil.disk_usage(_SHARED_MEMORY).free) < needed:
        raise InputError(
            f"{workers} data loading workers need about {needed / 2**20:.0f} MiB of shared memory "
            f"for the batches they prepare, and {_SHARED_MEMORY} has {free / 2**20:.0f} MiB free; "
            "enlarge it (docker run --shm-size ...), or lower DATALOADER.NUM_WORKERS (0 needs none)"
        )


def check_disk_space(output_dir: str, model: nn.Module, num_copies: int) -> None:
    """Check that a checkpoint fits on the disk.

    Args:
        output_dir: where checkpoints go.
        model: the network.
        num_copies: of the weights that a checkpoint holds (with Adam's two moments: 3).

    Raises:
        InputError: if there is no room for a single one, or the folder cannot be written.
    """
    check_output_dir(output_dir)
    needed = num_copies * sum(p.numel() * p.element_size() for p in model.parameters())
    free = shutil.disk_usage(output_dir).free
    if free < needed:
        raise InputError(
            f"OUTPUT_DIR {output_dir} has {free / 2**20:.0f} MiB free and a checkpoint needs "
            f"{needed / 2**20:.0f} MiB"
        )


def is_disk_error(error: object) -> bool:
    """Whether a file could not be written: the disk is full, read-only, gone, or forbids it."""
    return isinstance(error, PermissionError) or (
        isinstance(error, OSError) and error.errno in DISK_ERRORS
    )


@contextmanager
def disk_errors_named(output_dir: str) -> Iterator[None]:
    """Say in one message that a training can no longer write to OUTPUT_DIR.

    Raises:
        InputError: in place of an error of the disk.
    """
    try:
        yield
    except OSError as error:
        if not is_disk_error(error):
            raise
        raise InputError(
            f"OUTPUT_DIR {output_dir} can no longer be written to: {error}; make room and go on "
            "from the last checkpoint with --resume"
        ) from error


def is_memory_error(error: object) -> bool:
    """Whether memory, of the machine or of a GPU, could not be had."""
    if isinstance(error, cv2.error):
        return error.code == cv2.Error.StsNoMem
    kinds = (MemoryError, torch.OutOfMemoryError)
    # PyTorch has no type of its own for what the C library refuses.
    return isinstance(error, kinds) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


@contextmanager
def memory_errors_named(cfg: CfgNode) -> Iterator[None]:
    """Say in one message that the memory does not suffice, and what takes less.

    Raises:
        InputError: in place of an error of the memory.
    """
    try:
        yield
    except Exception as error:
        if not is_memory_error(error):
            raise
        said = textwrap.shorten(str(error), 200) or "none is left"
        raise InputError(
            f"out of memory ({said}): to train, lower SOLVER.IMS_PER_BATCH "
            f"({cfg.SOLVER.IMS_PER_BATCH}) or raise SOLVER.ACCUMULATION_STEPS "
            f"({cfg.SOLVER.ACCUMULATION_STEPS}); to evaluate, lower TEST.WINDOWS_PER_CHUNK "
            f"({cfg.TEST.WINDOWS_PER_CHUNK}); or lower INPUT.SIZE {tuple(cfg.INPUT.SIZE)}, "
            f"INPUT.CLIP_LENGTH ({cfg.INPUT.CLIP_LENGTH}), or the channels of MODEL"
        ) from error


def _clip_bytes(cfg: CfgNode) -> int:
    """Size of a training sample: T frames, and float32 heat maps at stride 4."""
    height, width = cfg.INPUT.SIZE
    heat_maps = 1 if cfg.MODEL.STMA.CENTER.CLASS_AGNOSTIC else cfg.MODEL.STMA.NUM_CLASSES
    return height * width * (3 * ClipSampler.from_config(cfg).clip_length + heat_maps // 4)


def _chunk_bytes(cfg: CfgNode) -> int:
    """Size of an evaluation's sample: the frames of a chunk of windows with their clips."""
    height, width = cfg.INPUT.SIZE
    sampler, windows = ClipSampler.from_config(cfg), cfg.TEST.WINDOWS_PER_CHUNK
    return height * width * 3 * len(sampler.layout(range(1, windows + 1), 2**20)[0])
