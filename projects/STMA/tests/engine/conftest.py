"""Running the entry point as a user does: in processes of its own, which start quickly."""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CONFIG = PROJECT / "configs" / "Synthetic" / "STMA_tiny_K5.yaml"
SCRIPT = str(Path(__file__).with_name("run_training.py"))
# A network and a schedule that take a second.
TINY = [
    *("MODEL.DEVICE", "cpu"),
    *("MODEL.BACKBONE.STEM_CHANNELS", "8", "MODEL.STMA.HEAD_CHANNELS", "8"),
    *("MODEL.STMA.ACTION.CHANNELS", "8", "MODEL.STMA.ACTION.FUSED_CHANNELS", "16"),
    *("INPUT.SIZE", "(64, 64)", "INPUT.CLIP_LENGTH", "8", "SOLVER.IMS_PER_BATCH", "2"),
    *("SOLVER.MAX_ITER", "4", "SOLVER.CHECKPOINT_PERIOD", "2", "DATALOADER.NUM_WORKERS", "0"),
    *("TEST.LINKING.MIN_TUBELET_SCORE", "0.0", "TEST.LINKING.TRIM_BELOW_MEDIAN", "0.0"),
    *("SOLVER.AMP.ENABLED", "False", "INPUT.BACKGROUND_WINDOWS", "0.0", "SEED", "1"),
]
LIMIT = 60  # seconds that a test's process may take


@pytest.fixture(scope="session")
def torchrun():
    """Makes the variables that torchrun sets for one of some processes that belong together."""
    ports = {}

    def environment(rank: int, world_size: int, local_size: int) -> dict[str, str]:
        if rank == 0:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                ports[world_size] = str(probe.getsockname()[1])
        return {
            "TORCHELASTIC_RUN_ID": "test",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": ports[world_size],
            "RANK": str(rank),
            "WORLD_SIZE": str(world_size),
            "LOCAL_RANK": str(rank % local_size),
            "LOCAL_WORLD_SIZE": str(local_size),
        }

    return environment


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


@dataclass
class Run:
    """A call of train_net.py in one or several processes."""

    processes: list[multiprocessing.Process]
    log: Path
    losses_file: Path

    def losses(self) -> list[tuple[int, str]]:
        """Iteration and total loss, with all its digits, of each iteration that was done."""
        if not self.losses_file.is_file():
            return []
        lines = self.losses_file.read_text().splitlines()
        return [(int(number), loss) for number, loss in (line.split() for line in lines)]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds; the run must still be going on."""
        deadline = time.monotonic() + LIMIT
        while not condition():
            alive = all(process.is_alive() for process in self.processes)
            assert alive and time.monotonic() < deadline, self.output
            time.sleep(0.005)

    def send(self, number: int, rank: int = 0) -> None:
        """Send a signal to one process."""
        os.kill(self.processes[rank].pid, number)

    def finish(self) -> Run:
        """Wait for the end."""
        deadline = time.monotonic() + LIMIT
        for process in self.processes:
            process.join(max(deadline - time.monotonic(), 0))
            if process.is_alive():
                process.kill()
                raise AssertionError(f"the run does not end:\n{self.output}")
        return self

    @property
    def returncode(self) -> int:
        """The first process's exit status that is not 0; negative for a signal."""
        return next((p.exitcode for p in self.processes if p.exitcode), 0)

    @property
    def output(self) -> str:
        """All that the processes printed."""
        return self.log.read_text()

    @property
    def last_line(self) -> str:
        """The message that a user sees last."""
        return self.output.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def forkserver(synthetic_root):
    """Starts processes that have the package loaded and find the small synthetic set."""
    os.environ["DETECTRON2_DATASETS"] = str(synthetic_root)
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stma_d2.engine"])
    return context


@pytest.fixture(scope="session")
def start_train_net(forkserver, torchrun, tmp_path_factory):
    """Starts train_net.py on the tiny network; flags and overrides follow the output folder."""

    def start(output: Path, *arguments: str, processes: int = 1, config: Path = CONFIG) -> Run:
        folder = tmp_path_factory.mktemp("run")
        flags = [argument for argument in arguments if argument.startswith("--")]
        overrides = [argument for argument in arguments if not argument.startswith("--")]
        tiny = TINY if config == CONFIG else []
        words = ["--config-file", str(config), *flags, *tiny, "OUTPUT_DIR", str(output), *overrides]
        run = Run([], folder / "log.txt", folder / "losses.txt")
        for rank in range(processes):
            settings = {
                "arguments": words,
                "log": str(run.log),
                "losses": str(run.losses_file),
                "environment": torchrun(rank, processes, processes) if processes > 1 else {},
            }
            process = forkserver.Process(
                target=runpy.run_path, args=(SCRIPT, {"SETTINGS": settings}, "__main__")
            )
            process.start()
            run.processes.append(process)
        return run

    return start


@pytest.fixture(scope="session")
def train_net(start_train_net):
    """Runs train_net.py to its end."""

    def run(output: Path, *arguments: str, **options) -> Run:
        return start_train_net(output, *arguments, **options).finish()

    return run


@pytest.fixture(scope="session")
def killed_train_net(start_train_net):
    """Runs train_net.py until it has told so many losses, and kills it."""

    def run(output: Path, *arguments: str, after: int, **options) -> Run:
        started = start_train_net(output, *arguments, **options)
        started.wait_for(lambda: len(started.losses()) >= after)
        for rank in range(len(started.processes)):
            started.send(signal.SIGKILL, rank)
        return started.finish()

    return run


@pytest.fixture(scope="session")
def trained(train_net, tmp_path_factory) -> tuple[Path, str]:
    """The output folder and the log of a finished training of four iterations."""
    output = tmp_path_factory.mktemp("trained")
    run = train_net(output)
    assert run.returncode == 0, run.output
    return output, run.output
