"""Functions in processes of their own, and a finished training."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

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
