"""Timing things side by side, and telling the result as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
import torchvision
from tabulate import tabulate

from stma_d2.files import atomic_write


@dataclass(frozen=True)
class Timing:
    """Seconds of the runs of one thing.

    Attributes:
        name: of what was run.
        seconds: one value a run.
        units: how many units (frames, clips, detections) a run works through.
    """

    name: str
    seconds: list[float]
    units: float = 1.0

    @property
    def median(self) -> float:
        """Median seconds of a run."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Report:
    """What a benchmark found.

    Attributes:
        title: the figure and what it was measured on.
        unit: what ``Timing.units`` counts, for example "frame".
        timings: the things compared.
        ratios: name -> ratio, for example {"naive / shared": 3.1}.
        facts: further figures and settings by name (memory, shares, largest differences).
    """

    title: str
    unit: str
    timings: list[Timing]
    ratios: Mapping[str, float]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        rows = [
            [
                timing.name,
                1e3 * timing.median / timing.units,
                1e3 * min(timing.seconds) / timing.units,
                1e3 * max(timing.seconds) / timing.units,
                timing.units / timing.median,
                len(timing.seconds),
            ]
            for timing in self.timings
        ]
        per = f"ms per {self.unit}"
        headers = ["", f"{per}: median", "min", "max", f"{self.unit}s per s", "runs"]
        lines = [self.title, tabulate(rows, headers, floatfmt=(".4g"))]
        lines += [f"{name}: {ratio:.3g}" for name, ratio in self.ratios.items()]
        lines += [f"{name}: {value}" for name, value in self.facts.items()]
        lines += [f"{name}: {value}" for name, value in machine().items()]
        return "\n".join(lines)


def machine() -> dict[str, Any]:
    """The machine and the versions that a figure was measured with."""
    return {
        "processor": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores seen",
        "threads": f"torch {torch.get_num_threads()}, OpenCV {cv2.getNumThreads()}",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, torchvision "
        f"{torchvision.__version__}, numpy {np.__version__}, OpenCV {cv2.__version__}",
    }


def compare(
    runs: Mapping[str, Callable[[], Any]], repeats: int, units: float = 1.0, warmup: int = 1
) -> dict[str, Timing]:
    """Time several things in turns, so that a busy machine slows all of them alike.

    Args:
        runs: name -> what to run; on a GPU it is waited for.
        repeats: how often each is timed.
        units: how many units each run works through.
        warmup: how often each is run untimed before.

    Returns:
        name -> timing.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(-warmup, repeats):
        for name, run in runs.items():
            elapsed = stopwatch(run)
            if turn >= 0:
                seconds[name].append(elapsed)
    return {name: Timing(name, values, units) for name, values in seconds.items()}


def stopwatch(run: Callable[[], Any]) -> float:
    """Seconds that ``run`` takes, with what it left to a GPU."""
    _wait_for_gpu()
    start = time.perf_counter()
    run()
    _wait_for_gpu()
    return time.perf_counter() - start


def write_json(report: Report, path: str) -> None:
    """Write the report and the machine's description, whole or not at all."""
    content = {**asdict(report), "machine": machine()}
    with atomic_write(path) as file:
        file.write(json.dumps(content, indent=1).encode())


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
