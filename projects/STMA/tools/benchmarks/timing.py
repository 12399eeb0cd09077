"""Two ways of doing the same, timed in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch.utils.benchmark import Measurement, TaskSpec, timer

# What was timed, and ratios of medians and other numbers by name.
Figure = tuple[list[Measurement], dict[str, float]]


def in_turns(
    runs: Mapping[str, Callable[[], object]], repeats: int, unit: str, units: int = 1
) -> list[Measurement]:
    """Time ``runs`` in turns, after an untimed turn: a busy machine slows all of them alike.

    Args:
        runs: by name; what they leave to a GPU is waited for.
        repeats: timed turns.
        unit: what the times are the times of, for example "frame".
        units: how many of them each run works through.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            start = timer()
            run()
            seconds[name].append(timer() - start)
    spec = partial(TaskSpec, "", "", description=f"per {unit}", num_threads=torch.get_num_threads())
    return [Measurement(units, times[1:], spec(sub_label=name)) for name, times in seconds.items()]


def ratio(slow: Measurement, fast: Measurement) -> dict[str, float]:
    """The ratio of two medians, with its name."""
    return {f"{slow.sub_label} / {fast.sub_label}": slow.median / fast.median}
