"""Running the entry point as a user does: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CONFIG = PROJECT / "configs" / "Synthetic" / "STMA_tiny_K5.yaml"
# A network and a schedule that take a second.
TINY = [
    *("MODEL.DEVICE", "cpu"),
    *("MODEL.BACKBONE.STEM_CHANNELS", "8", "MODEL.STMA.HEAD_CHANNELS", "8"),
    *("MODEL.STMA.ACTION.CHANNELS", "8", "MODEL.STMA.ACTION.FUSED_CHANNELS", "16"),
    *("INPUT.SIZE", "(64, 64)", "INPUT.CLIP_LENGTH", "8", "SOLVER.IMS_PER_BATCH", "2"),
    *("SOLVER.MAX_ITER", "4", "SOLVER.CHECKPOINT_PERIOD", "2", "DATALOADER.NUM_WORKERS", "0"),
    *("TEST.LINKING.MIN_TUBELET_SCORE", "0.0", "SEED", "1"),
]


@pytest.fixture(scope="session")
def train_command(synthetic_root):
    """Makes the command line and the environment of train_net.py on the small synthetic set."""

    def command(output: Path, *arguments: str, processes: int = 1) -> dict:
        start = [sys.executable]
        if processes > 1:
            start += [
                "-m",
                "torch.distributed.run",
                "--standalone",
                f"--nproc_per_node={processes}",
            ]
        flags = [argument for argument in arguments if argument.startswith("--")]
        overrides = [argument for argument in arguments if not argument.startswith("--")]
        script = [str(PROJECT / "train_net.py"), "--config-file", str(CONFIG), *flags]
        environment = {
            **os.environ,
            "DETECTRON2_DATASETS": str(synthetic_root),
            "OMP_NUM_THREADS": "1",
        }
        overrides = [*TINY, "OUTPUT_DIR", str(output), *overrides]
        return {"args": start + script + overrides, "env": environment}

    return command


@pytest.fixture(scope="session")
def train_net(train_command):
    """Runs train_net.py to its end; returns the finished process with its whole output."""

    def run(output: Path, *arguments: str, processes: int = 1) -> subprocess.CompletedProcess:
        return subprocess.run(
            **train_command(output, *arguments, processes=processes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )

    return run


@pytest.fixture(scope="session")
def trained(train_net, tmp_path_factory) -> tuple[Path, str]:
    """The output folder and the log of a finished training of four iterations."""
    output = tmp_path_factory.mktemp("trained")
    process = train_net(output)
    assert process.returncode == 0, process.stdout
    return output, process.stdout
