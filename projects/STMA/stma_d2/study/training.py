"""Training runs side by side, each by train_net.py in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from ..engine.ending import end_processes
from ..engine.folder import folder_lock
from ..engine.memory import KEEP_MEMORY
from .plan import Run

CONSOLE = "console.txt"  # what a run's processes say, in its folder
_POLL = 0.1  # seconds between two looks at the processes


class Ended(NamedTuple):
    """How a process ended.

    Attributes:
        run: what it trained.
        seconds: that it took.
        problem: "" if it trained and evaluated to the end.
        stopped: whether it was told to end before; the same command goes on.
    """

    run: Run
    seconds: float
    problem: str
    stopped: bool


@dataclass
class _Job:
    run: Run
    device: str
    process: subprocess.Popen
    start: float

    def ended(self, told_to: bool) -> Ended:
        code = self.process.returncode
        problem = f"status {code}: {_last_words(self.run)}" if code else ""
        if code < 0:
            problem = f"ended by {signal.Signals(-code).name}"
        seconds = time.monotonic() - self.start
        return Ended(self.run, seconds, problem, stopped=told_to and code != 0)


def train(
    runs: Sequence[Run],
    script: Path,
    devices: Sequence[str],
    jobs: int,
    deadline: float,
    told: Callable[[Ended], None],
) -> list[Run]:
    """Train as many runs side by side as there are ``jobs``, in their order.

    A run that began in an earlier call goes on from its checkpoint. One that fails ends no other.
    When this process is told to end, or at the deadline, those that are going are told to, which
    lets them write their checkpoints.

    Args:
        runs: that are not finished.
        script: train_net.py.
        devices: for MODEL.DEVICE, which the jobs share out among themselves in turn.
        jobs: processes at a time; the processors are divided among them.
        deadline: of `time.monotonic`; nothing starts after it.
        told: is called when a process has ended.

    Returns:
        The runs that were not begun before the deadline.
    """
    waiting, going = deque(runs), list[_Job]()
    free = deque(devices[i % len(devices)] for i in range(jobs))
    environment = _environment(jobs)
    try:
        while (waiting or going) and time.monotonic() < deadline:
            while waiting and free:
                run = waiting.popleft()
                job = _start(run, script, free[0], environment)
                if job is None:
                    told(Ended(run, 0.0, "another process trains it", stopped=False))
                else:
                    free.popleft()
                    going.append(job)
            time.sleep(_POLL)
            for job in [job for job in going if job.process.poll() is not None]:
                going.remove(job)
                free.append(job.device)
                told(job.ended(told_to=False))
    finally:
        _end(going, told)
    return list(waiting)


def _start(run: Run, script: Path, device: str, environment: dict[str, str]) -> _Job | None:
    """Start a run's process; None if one that outlived an earlier call still trains it."""
    run.prepare()
    with folder_lock(run.folder) as free:  # a training takes it itself
        if not free:
            return None
    with open(run.folder / CONSOLE, "ab") as console:
        process = subprocess.Popen(
            [sys.executable, str(script), *run.words, "MODEL.DEVICE", device],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C is for this process, which tells the others
        )
    return _Job(run, device, process, time.monotonic())


def _environment(jobs: int) -> dict[str, str]:
    """The variables of the jobs' processes: for each library its share of the processors.

    What this process's own environment says of it stays.
    """
    threads = str(max(len(os.sched_getaffinity(0)) // jobs, 1))
    names = ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "NUMBA_NUM_THREADS")
    return {**dict.fromkeys(names, threads), **KEEP_MEMORY, **os.environ}


def _end(going: Sequence[_Job], told: Callable[[Ended], None]) -> None:
    end_processes([job.process for job in going])
    for job in going:
        told(job.ended(told_to=True))


def _last_words(run: Run) -> str:
    """The last line that the process said."""
    with open(run.folder / CONSOLE, "rb") as file:
        return _last_line(file) or "it said nothing"


def _last_line(file: IO[bytes]) -> str:
    file.seek(max(file.seek(0, os.SEEK_END) - 4096, 0))
    lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
