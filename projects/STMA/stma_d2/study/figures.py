"""Means over seeds and their spread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean, stdev
from typing import Any, NamedTuple

from ..evaluation.protocols import FRAME_METRIC


class Figure(NamedTuple):
    """A figure over seeds.

    Attributes:
        mean: over them.
        spread: their sample standard deviation (n - 1); None for a single one.
        values: one a seed.
    """

    mean: float
    spread: float | None
    values: tuple[float, ...]

    def text(self, sign: str = "") -> str:
        """Mean and spread, as in "71.3 ± 2.4"; with ``sign`` "+" also the mean's sign."""
        mean = f"{round(self.mean, 1) + 0.0:{sign}.1f}"  # no "-0.0"
        return mean if self.spread is None else f"{mean} ± {self.spread:.1f}"


def over_seeds(values: Iterable[float]) -> Figure | None:
    """Their mean and spread; None where there are none."""
    values = tuple(values)
    if not values:
        return None
    return Figure(fmean(values), stdev(values) if len(values) > 1 else None, values)


class Figures:
    """The figures of a study.

    Attributes:
        classes: ``{group: labels}`` that have ground truth; empty where the data has no groups.
    """

    def __init__(self, study: Mapping[str, Any]) -> None:
        """Take what ``collect`` gives."""
        self.runs: dict[str, dict[int | None, Mapping[str, Any]]] = {}
        for run in study["runs"]:
            self.runs.setdefault(run["row"], {})[run["seed"]] = run
        self.classes: dict[str, list[str]] = {}
        scored = {name for run in study["runs"] for name in run["evaluation"]["metrics"]}
        for label, group in (study["class_groups"] or {}).items():
            if f"AP/{FRAME_METRIC}/{label}" in scored:
                self.classes.setdefault(group, []).append(label)

    def of(self, row: str, metric: str, group: str = "") -> Figure | None:
        """A row's metric, such as "frame_mAP@0.5", in percent; of one group of classes, or all."""
        return over_seeds(self._by_seed(row, metric, group).values())

    def gain(self, row: str, without: str, metric: str, group: str = "") -> Figure | None:
        """By how many points ``row`` is better than ``without``, seed by seed."""
        ours, others = (self._by_seed(name, metric, group) for name in (row, without))
        return over_seeds(ours[seed] - others[seed] for seed in ours if seed in others)

    def over_iou(self, row: str) -> dict[float, Figure]:
        """A row's video-mAP by overlap."""
        curves = [dict(run["video_mAP_over_iou"]) for run in self.runs.get(row, {}).values()]
        return {iou: over_seeds(curve[iou] for curve in curves) for iou in (curves or [{}])[0]}

    def _by_seed(self, row: str, metric: str, group: str) -> dict[int | None, float]:
        runs = self.runs.get(row, {}).items()
        metrics = {seed: run["evaluation"]["metrics"] for seed, run in runs}
        if not group:
            return {seed: values[metric] for seed, values in metrics.items()}
        names = [f"AP/{metric}/{label}" for label in self.classes[group]]
        return {seed: fmean(map(values.get, names)) for seed, values in metrics.items()}
