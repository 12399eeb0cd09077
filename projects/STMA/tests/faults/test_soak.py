"""An hour of training, an hour of streaming: neither memory nor open files grow.

STMA_LONG_TESTS=1 runs them, STMA_SOAK_SECONDS is their length (3600).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

LONG = pytest.mark.skipif("STMA_LONG_TESTS" not in os.environ, reason="takes hours")
SECONDS = float(os.environ.get("STMA_SOAK_SECONDS", "3600"))
PERIOD = 10.0  # seconds between two looks
WARM_UP = 0.2  # of the time, which does not count: caches fill, the allocator finds its size
MEMORY, FILES = "memory, MB", "open files"
FLAT = {MEMORY: 4.0, FILES: 0.5}  # growth an hour that is none
TRAINING = (
    *("SOLVER.MAX_ITER", "10000000", "SOLVER.CHECKPOINT_PERIOD", "50", "TEST.EVAL_PERIOD", "100"),
    *("SOLVER.EMA.DECAY", "0.9", "DATALOADER.NUM_WORKERS", "1"),
)


def look_at(pid: int) -> dict[str, float]:
    """Resident memory and open files of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return {
        MEMORY: pages * os.sysconf("SC_PAGESIZE") / 2**20,
        FILES: len(os.listdir(f"/proc/{pid}/fd")),
    }


def oldest_child(pid: int) -> int:
    """The process that ``pid`` started first: a training's worker, and not an evaluation's."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def slope_with_error(times: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """The slope of a least squares line and its standard error.

    What neighbours share (AR(1) residuals) tells nothing new, so it widens the error.
    """
    times = times - times.mean()
    slope = float(times @ values / (times @ times))
    residuals = values - values.mean() - slope * times
    variance = residuals @ residuals / (len(times) - 2)
    if variance == 0:
        return slope, 0.0
    shared = np.clip(residuals[1:] @ residuals[:-1] / (residuals @ residuals), 0, 0.99)
    return slope, float(np.sqrt(variance / (times @ times) * (1 + shared) / (1 - shared)))


@pytest.fixture
def assert_flat(tell_growth):
    """Watches processes for the test's time and compares their growth with none."""

    def check(name, pids, is_alive, progress):
        start, seen = time.monotonic(), []
        while time.monotonic() < start + SECONDS:
            assert is_alive()
            seen.append([(time.monotonic() - start, look_at(pid)) for pid in pids.values()])
            time.sleep(PERIOD)
        seen = seen[int(len(seen) * WARM_UP) :]
        growing = []
        for position, process in enumerate(pids):
            hours = np.array([looks[position][0] for looks in seen]) / 3600
            for quantity, flat in FLAT.items():
                values = np.array([looks[position][1][quantity] for looks in seen])
                slope, error = slope_with_error(hours, values)
                tell_growth(
                    *(name, progress(), process, quantity, f"{values[0]:.1f}"),
                    *(f"{values[-1]:.1f}", f"{values.max():.1f}", f"{slope:+.3f}", f"{error:.3f}"),
                )
                if slope - 2 * error > flat:
                    growing.append(f"{process}: {quantity} {slope:+.3f} an hour")
        assert not growing

    return check


def test_the_slope_and_its_error_are_those_of_repeated_draws():
    """The errors that the formula states are the spread that repeated noise shows."""
    rng = np.random.default_rng(0)
    times = np.arange(300) / 300
    for shared in (0.0, 0.8):
        slopes, errors = [], []
        for _ in range(300):
            noise = rng.normal(size=400)
            for i in range(1, 400):
                noise[i] += shared * noise[i - 1]
            slope, error = slope_with_error(times, 5 + 3 * times + noise[100:])
            slopes.append(slope)
            errors.append(error)
        assert np.mean(slopes) == pytest.approx(3, abs=0.3)
        assert np.mean(errors) == pytest.approx(np.std(slopes), rel=0.2)


@LONG
def test_a_training_does_not_grow(start_train_net, assert_flat, tmp_path):
    run = start_train_net(tmp_path, *TRAINING)
    run.wait_for(lambda: len(run.losses()) > 100)
    main = run.processes[0].pid
    pids = {"main process": main, "worker": oldest_child(main)}
    try:
        assert_flat(
            "training", pids, run.processes[0].is_alive, lambda: f"{len(run.losses())} iterations"
        )
    finally:
        run.send(signal.SIGTERM)
        run.finish()
    assert run.returncode == 143, run.output


@LONG
def test_a_stream_does_not_grow(tiny_cfg, assert_flat, tmp_path):
    from detectron2.modeling import build_model

    cfg = tiny_cfg
    cfg.DATASETS.TEST, cfg.INPUT.SNIPPET_POSITION = (), "end"
    cfg.TEST.LINKING.MIN_TUBELET_SCORE = 0.0
    torch.manual_seed(0)
    cfg.MODEL.WEIGHTS = str(tmp_path / "weights.pth")
    torch.save({"model": build_model(cfg).state_dict()}, cfg.MODEL.WEIGHTS)
    config, progress = tmp_path / "config.yaml", tmp_path / "progress"
    config.write_text(cfg.dump())
    script = Path(__file__).with_name("run_stream.py")
    command = [sys.executable, str(script), str(config), str(progress)]
    with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        try:
            while not progress.exists():
                assert process.poll() is None
                time.sleep(0.1)
            assert_flat(
                *("stream", {"process": process.pid}, lambda: process.poll() is None),
                lambda: "{} frames, {} tubes ended".format(*progress.read_text().split()),
            )
        finally:
            process.kill()
