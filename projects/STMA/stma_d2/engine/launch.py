"""Starting one or many processes, and ending with a clear message."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from detectron2.engine import launch
from detectron2.utils import comm
from torch.multiprocessing import ProcessExitedException

from ..config import load_config
from ..config.rules import whole
from ..errors import InputError, clear_exit

# What gloo says, and NCCL, where a process at the other end of a connection is gone.
_LOST = re.compile(
    r"gloo.*(Connection (closed|reset) by peer|Broken pipe)|remote process exited|NCCL.*remote",
    re.DOTALL | re.IGNORECASE,
)


def run(main: Callable[[argparse.Namespace], object], args: argparse.Namespace) -> None:
    """Run ``main(args)`` under torchrun, on Detectron2's own launcher, or just here.

    Under ``torchrun`` (its environment variables are set) the processes exist already: nccl joins
    those that compute on GPUs, gloo those that compute on CPUs, by MODEL.DEVICE. Otherwise
    ``--num-gpus``, ``--num-machines``, ``--machine-rank`` and ``--dist-url`` go to Detectron2's
    launcher.

    Input that cannot be used ends the process with one line and status 1, a signal with one line
    and 130 (Ctrl-C) or 143 (SIGTERM).
    """
    try:
        with clear_exit(), _signal_exit():
            _check_processes(args)
            if "TORCHELASTIC_RUN_ID" in os.environ:
                _join_torchrun(args)
                with _lost_processes_named():
                    main(args)
                return
            _check_gpus(args)
            several = args.num_gpus * args.num_machines > 1
            launch(
                _run_child if several else main,
                args.num_gpus,
                num_machines=args.num_machines,
                machine_rank=args.machine_rank,
                dist_url=args.dist_url,
                args=(main, args) if several else (args,),
            )
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


@contextmanager
def _signal_exit() -> Iterator[None]:
    """End the process as the signal wants it that ended the work, or as a child ended.

    Of several processes that do the work one says so: the first, and not the one that waits for
    them, which passes the signal on.
    """
    try:
        yield
    except KeyboardInterrupt as end:
        children = [child for child in multiprocessing.active_children() if not child.daemon]
        for child in children:
            child.terminate()
        for child in children:
            child.join()
        if not children and _rank() == 0:
            print(str(end) or "interrupted", file=sys.stderr)
        sys.exit(getattr(end, "exit_code", 130))
    except ProcessExitedException as error:
        sys.exit(error.exit_code)


def _rank() -> int:
    """Of this process; torchrun tells it before the processes have joined."""
    return comm.get_rank() or int(os.environ.get("RANK", 0))


def _run_child(main: Callable[[argparse.Namespace], object], args: argparse.Namespace) -> None:
    """What one of the launcher's processes does: ``main``, with one line where it cannot."""
    with clear_exit(), _signal_exit(), _lost_processes_named():
        main(args)


@contextmanager
def _lost_processes_named() -> Iterator[None]:
    """Say that another process is gone, where PyTorch says that a connection is.

    Raises:
        InputError: in place of PyTorch's error.
    """
    try:
        yield
    except RuntimeError as error:
        if not _LOST.search(str(error)):
            raise
        raise InputError(
            "another of the processes that work together failed or was killed (for want of "
            "memory?): see what it said; a training goes on from its last checkpoint with --resume"
        ) from error


def _check_processes(args: argparse.Namespace) -> None:
    rules = {
        "num_gpus": (whole(1, 1024), "; MODEL.DEVICE cpu trains without a GPU"),
        "num_machines": (whole(1, 65536), ""),
        "machine_rank": (whole(0, args.num_machines - 1), ", one less than --num-machines"),
    }
    for name, (rule, more) in rules.items():
        if not rule.holds(value := getattr(args, name)):
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option} is {value}; it must be {rule.words}{more}")


def _check_gpus(args: argparse.Namespace) -> None:
    several = args.num_gpus * args.num_machines > 1
    if several and torch.cuda.device_count() < args.num_gpus:
        raise InputError(
            f"--num-gpus {args.num_gpus} but this machine shows {torch.cuda.device_count()} GPUs; "
            "several CPU processes start with torchrun --nproc_per_node N train_net.py ..."
        )


def _join_torchrun(args: argparse.Namespace) -> None:
    local_rank, local_size = (int(os.environ[f"LOCAL_{name}"]) for name in ("RANK", "WORLD_SIZE"))
    on_gpus = torch.cuda.is_available() and _device(args).startswith("cuda")
    if on_gpus:
        if local_size > (count := torch.cuda.device_count()):
            raise InputError(
                f"torchrun started {local_size} processes and this machine shows {count} GPUs; "
                f"use --nproc_per_node {count}, or MODEL.DEVICE cpu"
            )
        torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl" if on_gpus else "gloo")
    if hasattr(comm, "create_local_process_group"):
        comm.create_local_process_group(local_size)
        return
    # Detectron2 0.6 knows the processes of one machine only through its own launcher.
    for first in range(0, dist.get_world_size(), local_size):
        ranks = list(range(first, first + local_size))
        group = dist.new_group(ranks)
        if dist.get_rank() in ranks:
            comm._LOCAL_PROCESS_GROUP = group


def _device(args: argparse.Namespace) -> str:
    return load_config(args.config_file, args.opts).MODEL.DEVICE
