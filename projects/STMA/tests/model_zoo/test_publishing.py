"""Several processes publish into one zoo at once."""

from __future__ import annotations

import multiprocessing

from stma_d2.model_zoo.checkpoints import read_index
from stma_d2.model_zoo.publishing import publish

NETWORKS = 20  # of each process


def publish_many(first, start, folder):
    start.wait()
    for number in range(first, first + NETWORKS):
        file = folder / f"{number}.pth"
        file.write_bytes(bytes([number]) * 100)
        publish(file, f"Mine/{number}.yaml", {}, "MODEL: {}", folder / "zoo")


def test_no_network_is_lost_from_the_index_by_publishing_two_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    processes = [
        context.Process(target=publish_many, args=(first, start, tmp_path))
        for first in (0, NETWORKS)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    names = {f"Mine/{number}.yaml" for number in range(2 * NETWORKS)}
    assert read_index(str(tmp_path / "zoo")).keys() == names
    assert not [path for path in (tmp_path / "zoo").rglob("*") if "partial" in path.name]
