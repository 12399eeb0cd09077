"""Starting processes: alone, under torchrun, on several machines, and ending clearly."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket

import pytest
import torch
import torch.distributed as dist
from detectron2.engine import default_argument_parser
from detectron2.utils import comm

from stma_d2.engine.launch import run
from stma_d2.errors import InputError


def arguments(*words):
    return default_argument_parser().parse_args(list(words))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def torchrun_environment(rank, world_size, local_size, port):
    """What torchrun sets for one of its processes."""
    return {
        "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "LOCAL_RANK": str(rank % local_size),
        "LOCAL_WORLD_SIZE": str(local_size),
    }


def test_one_process_just_runs(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    seen = []
    run(lambda args: seen.append((args.eval_only, dist.is_initialized())), arguments("--eval-only"))
    assert seen == [(True, False)]


def fail(args):
    raise InputError("no such thing; look elsewhere")


def test_unusable_input_ends_with_its_message_and_status_1(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    with pytest.raises(SystemExit, match="^error: no such thing; look elsewhere$"):
        run(fail, arguments())


def test_more_gpus_than_there_are_names_torchrun(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SystemExit, match=r"--num-gpus 4 .* shows 1 GPUs.*torchrun"):
        run(fail, arguments("--num-gpus", "4"))


@pytest.mark.parametrize("main", [lambda args: None, fail], ids=["done", "failed"])
def test_under_torchrun_the_group_is_left_whatever_happens(monkeypatch, main):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(comm, "_LOCAL_PROCESS_GROUP", None)
    for name, value in torchrun_environment(0, 1, 1, free_port()).items():
        monkeypatch.setenv(name, value)
    backends = []

    def wrapped(args):
        backends.append(dist.get_backend())
        main(args)

    if main is fail:
        with pytest.raises(SystemExit, match="no such thing"):
            run(wrapped, arguments())
    else:
        run(wrapped, arguments())
    assert backends == ["gloo"]
    assert not dist.is_initialized()


def tell_ranks(rank, port, folder):
    torch.set_num_threads(1)
    torch.cuda.is_available = lambda: False
    os.environ.update(torchrun_environment(rank, 4, 2, port))

    def main(args):
        ranks = [comm.get_rank(), comm.get_world_size(), comm.get_local_rank()]
        total = torch.tensor([float(rank)])
        dist.all_reduce(total)
        record = [*ranks, comm.get_local_size(), total.item()]
        (folder / f"{rank}.json").write_text(json.dumps(record))

    run(main, arguments())


def test_processes_of_two_machines_know_their_neighbors(tmp_path):
    """Four processes, two on each machine: rank, world, rank and size on the machine, sum."""
    port = free_port()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=tell_ranks, args=(r, port, tmp_path)) for r in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
        worker.kill()
    records = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(4)]
    assert records == [[rank, 4, rank % 2, 2, 6.0] for rank in range(4)]
