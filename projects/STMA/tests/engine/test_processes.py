"""Any number of processes, on one machine or two, and more than videos: the same metrics.

STMA_LONG_TESTS=1 in the environment tries more of them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

LONG = pytest.mark.skipif("STMA_LONG_TESTS" not in os.environ, reason="set STMA_LONG_TESTS")
FOLDER = Path("inference", "synthetic_actions_val")  # of three videos
SCRIPT = Path(__file__).resolve().parents[2] / "train_net.py"


@pytest.fixture(scope="module")
def arguments(trained):
    return ("--eval-only", "MODEL.WEIGHTS", str(trained[0] / "model_final.pth"))


@pytest.fixture(scope="module")
def alone(train_net, arguments, tmp_path_factory):
    """The evaluation of one process."""
    output = tmp_path_factory.mktemp("alone")
    run = train_net(output, *arguments)
    assert run.returncode == 0, run.output
    return output


@pytest.fixture
def assert_same(alone):
    """The metrics to the byte; the detections, of which they say little here, up to rounding."""

    def check(output):
        ours, theirs = output / FOLDER, alone / FOLDER
        assert (ours / "metrics.json").read_bytes() == (theirs / "metrics.json").read_bytes()
        with np.load(ours / "detections.npz") as a, np.load(theirs / "detections.npz") as b:
            assert a.files == b.files
            for name in a.files:
                if a[name].dtype.kind == "f":  # processes begin at other frames of a video
                    np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-3)
                else:
                    np.testing.assert_array_equal(a[name], b[name])

    return check


@pytest.mark.parametrize(
    "processes",
    [pytest.param(2, marks=LONG), pytest.param(3, marks=LONG), pytest.param(4, id="4 of 3 videos")],
)
def test_an_evaluation_gives_the_same_metrics(
    train_net, arguments, assert_same, tmp_path, processes
):
    run = train_net(tmp_path, *arguments, processes=processes)
    assert run.returncode == 0, run.output
    assert_same(tmp_path)


@LONG
def test_an_evaluation_on_two_machines_is_the_same(
    tiny_words, arguments, assert_same, synthetic_root, tmp_path
):
    """Two of torchrun's agents, two processes each, which meet on this machine's own address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = (
        *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "2"),
        *("--rdzv_backend", "c10d", "--rdzv_endpoint", f"127.0.0.1:{port}", "--rdzv_id", "test"),
        *("--local_addr", "127.0.0.1", str(SCRIPT)),
    )
    words = ["--eval-only", *tiny_words, "OUTPUT_DIR", str(tmp_path), *arguments[1:]]
    environment = {
        **os.environ,
        "DETECTRON2_DATASETS": str(synthetic_root),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    machines = []
    for number in range(2):
        with open(tmp_path / f"machine{number}.txt", "w") as log:
            command = [*launcher, *words]
            machines.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
            )
    try:
        statuses = [machine.wait(1800) for machine in machines]
    finally:
        for machine in machines:
            machine.kill()
    logs = [(tmp_path / f"machine{number}.txt").read_text() for number in range(2)]
    assert statuses == [0, 0], logs
    assert_same(tmp_path)
