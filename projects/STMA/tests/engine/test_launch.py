"""Starting processes: alone, under torchrun, on several machines, and ending clearly."""

from __future__ import annotations

import json
import os
import signal

import pytest
import torch
import torch.distributed as dist
from detectron2.engine import default_argument_parser
from detectron2.utils import comm
from torch.multiprocessing import ProcessExitedException

from stma_d2.engine.launch import run
from stma_d2.errors import InputError, Stopped


@pytest.fixture(autouse=True)
def no_torchrun(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)


def arguments(*words):
    return default_argument_parser().parse_args(list(words))


def test_one_process_just_runs():
    seen = []
    run(lambda args: seen.append((args.eval_only, dist.is_initialized())), arguments("--eval-only"))
    assert seen == [(True, False)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--num-gpus", "0"], "--num-gpus is 0; .* at least 1 .*MODEL.DEVICE cpu"),
        (["--num-gpus", "-1"], "--num-gpus is -1; "),
        (["--num-machines", "0"], "--num-machines is 0; "),
        (["--machine-rank", "5"], "--machine-rank is 5; .* at most 0, one less than --num-mach"),
        (["--machine-rank", "-1", "--num-machines", "2"], "--machine-rank is -1; "),
        (["--machine-rank", "2", "--num-machines", "2"], "--machine-rank is 2; .* at most 1"),
    ],
)
def test_numbers_of_processes_without_meaning_are_refused(words, message):
    with pytest.raises(SystemExit, match=f"^error: {message}"):
        run(lambda args: None, arguments(*words))


def fail(args):
    raise InputError("no such thing; look elsewhere")


def test_unusable_input_ends_with_its_message_and_status_1():
    with pytest.raises(SystemExit, match="^error: no such thing; look elsewhere$"):
        run(fail, arguments())


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (Stopped("stopped by SIGTERM", 143), 143, "stopped by SIGTERM"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_signal_ends_with_one_line_and_its_status(capsys, error, status, line):

    def main(args):
        raise error

    with pytest.raises(SystemExit) as end:
        run(main, arguments())
    assert end.value.code == status
    assert capsys.readouterr().err.strip() == line


def test_a_launched_process_passes_its_status_on(monkeypatch):
    """Detectron2's launcher raises what it knows of a process that ended."""

    def launch(*args, **kwargs):
        raise ProcessExitedException("ended", 0, 1, exit_code=143)

    monkeypatch.setattr("stma_d2.engine.launch.launch", launch)
    with pytest.raises(SystemExit) as end:
        run(fail, arguments())
    assert end.value.code == 143


def test_more_gpus_than_there_are_names_torchrun(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SystemExit, match=r"--num-gpus 4 .* shows 1 GPUs.*torchrun"):
        run(fail, arguments("--num-gpus", "4"))


@pytest.mark.parametrize("main", [lambda args: None, fail], ids=["done", "failed"])
def test_under_torchrun_the_group_is_left_whatever_happens(monkeypatch, torchrun, main):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(comm, "_LOCAL_PROCESS_GROUP", None)
    for name, value in torchrun(0, 1, 1).items():
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


@pytest.fixture
def two_of_torchrun(monkeypatch, torchrun):
    """This process is one of two, on a machine that shows a GPU; tells what joins them."""
    joined = []
    for name, value in torchrun(0, 2, 2).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: joined.append(index))
    monkeypatch.setattr(dist, "init_process_group", joined.append)
    monkeypatch.setattr(comm, "create_local_process_group", lambda size: None, raising=False)
    return joined


def test_processes_on_cpus_leave_the_gpus_of_their_machine_alone(two_of_torchrun):
    seen = []
    run(lambda args: seen.append(args.opts), arguments("MODEL.DEVICE", "cpu"))
    assert two_of_torchrun == ["gloo"] and seen == [["MODEL.DEVICE", "cpu"]]


def test_more_processes_than_gpus_are_refused(two_of_torchrun):
    with pytest.raises(
        SystemExit, match=r"2 processes .* shows 1 GPUs; use --nproc_per_node 1, or"
    ):
        run(lambda args: None, arguments())
    assert two_of_torchrun == []


def test_each_process_has_a_gpu_of_its_own(two_of_torchrun, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    run(lambda args: None, arguments())
    assert two_of_torchrun == [0, "nccl"]


def tell_ranks(rank, environment, folder):
    torch.set_num_threads(1)
    torch.cuda.is_available = lambda: False
    os.environ.update(environment)

    def main(args):
        ranks = [comm.get_rank(), comm.get_world_size(), comm.get_local_rank()]
        total = torch.tensor([float(rank)])
        dist.all_reduce(total)
        record = [*ranks, comm.get_local_size(), total.item()]
        (folder / f"{rank}.json").write_text(json.dumps(record))

    run(main, arguments())


def test_processes_of_two_machines_know_their_neighbors(torchrun, in_processes):
    """Four processes, two on each machine: rank, world, rank and size on the machine, sum."""
    environments = [torchrun(rank, 4, 2) for rank in range(4)]
    records = in_processes(tell_ranks, [(rank, environments[rank]) for rank in range(4)])
    assert records == [[rank, 4, rank % 2, 2, 6.0] for rank in range(4)]


def lose_a_neighbor(rank, environment, folder):
    torch.set_num_threads(1)
    torch.cuda.is_available = lambda: False
    os.environ.update(environment)

    def main(args):
        dist.barrier()
        if rank == 1:
            (folder / "1.json").write_text("null")
            os.kill(os.getpid(), signal.SIGKILL)
        dist.all_reduce(torch.zeros(1))

    with pytest.raises(SystemExit) as end:
        run(main, arguments())
    (folder / f"{rank}.json").write_text(json.dumps(end.value.code))


def test_a_process_that_is_killed_is_told_by_the_others_in_one_line(torchrun, in_processes):
    environments = [torchrun(rank, 2, 2) for rank in range(2)]
    told, _ = in_processes(lose_a_neighbor, [(rank, environments[rank]) for rank in range(2)])
    assert told.startswith("error: another of the processes that work together failed or was")
    assert "--resume" in told and "\n" not in told


def test_what_other_runtime_errors_say_stays(no_torchrun):
    def main(args):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        run(main, arguments())
