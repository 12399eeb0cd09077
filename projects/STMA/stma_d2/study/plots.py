"""The study as plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from ..visualization.figures import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    TEAL,
    new_figure,
    style,
)
from .figures import Figure, Figures
from .rows import PARTS, TABLES, Part

_COLORS = (BLUE, ORANGE, TEAL, PURPLE, GREY, RED)
_METRICS = {"frame_mAP@0.5": "frame-mAP@0.5", "video_mAP@0.5": "video-mAP@0.5"}
_SPREAD = "sample standard deviation over the seeds"


class Plot(NamedTuple):
    """A picture and the sentence that goes below it."""

    picture: Picture
    text: str


def draw(figures: Figures) -> dict[str, Plot]:
    """The plots by name; those that the study has no runs for are left out."""
    titles = {name: words for table in TABLES.values() for name, words in table.rows.items()}
    rows = {name: words for name, words in titles.items() if name in figures.runs}
    parts = [p for p in PARTS if p.in_plot and {p.row, p.without} <= figures.runs.keys()]
    plots = {}
    with style():
        if rows:
            text = f"Every row: mean over the seeds; lines: {_SPREAD}; dots: the seeds."
            plots["bars"] = Plot(_bars(figures, rows), text)
        if names := [name for name in TABLES["2"].rows if name in figures.runs]:
            text = f"Video-mAP over the overlap, the rows of Table 2: mean; band: {_SPREAD}."
            plots["map_over_iou"] = Plot(_over_iou(figures, names), text)
        if figures.classes and parts:
            text = (
                f"What each part brings to each kind of class: mean of the differences; lines: "
                f"{_SPREAD}; dots: the seeds."
            )
            plots["gains"] = Plot(_gains(figures, parts), text)
    return plots


def _bars(figures: Figures, rows: dict[str, str]) -> Picture:
    picture = new_figure(6.4, 0.36 * len(rows) + 1)
    axes = picture.subplots()
    places = np.arange(len(rows))
    for index, (metric, title) in enumerate(_METRICS.items()):
        values = [figures.of(name, metric) for name in rows]
        _bar(axes, places + 0.38 * (index - 0.5), values, 0.36, _COLORS[index], title, flat=True)
    axes.set_yticks(places, [words.replace("`", "") for words in rows.values()])
    axes.set(xlim=(0, 100), ylim=(len(rows) - 0.4, -0.6), xlabel="mAP (%)")
    axes.grid(axis="x")
    picture.legend(loc="outside upper center", ncols=2, frameon=False)
    return picture


def _over_iou(figures: Figures, names: Sequence[str]) -> Picture:
    picture = new_figure(6.4, 3.2)
    axes = picture.subplots()
    for name, color in zip(names, _COLORS, strict=False):
        curve = figures.over_iou(name)
        overlaps, means = list(curve), np.array([one.mean for one in curve.values()])
        spreads = np.array([one.spread or 0.0 for one in curve.values()])
        axes.plot(overlaps, means, ".-", color=color, label=TABLES["2"].rows[name], linewidth=1.4)
        axes.fill_between(
            overlaps, means - spreads, means + spreads, color=color, alpha=0.15, linewidth=0
        )
    axes.set(xlabel="overlap from which on a tube is right", ylabel="video-mAP (%)", ylim=(0, 102))
    axes.grid()
    picture.legend(loc="outside right upper", frameon=False)
    return picture


def _gains(figures: Figures, parts: Sequence[Part]) -> Picture:
    picture = new_figure(6.4, 4.6)
    panels = picture.subplots(len(_METRICS), 1, sharex=True)
    width = 0.8 / len(figures.classes)
    for axes, (metric, title) in zip(panels, _METRICS.items(), strict=True):
        for index, group in enumerate(figures.classes):
            gains = [figures.gain(part.row, part.without, metric, group) for part in parts]
            places = np.arange(len(parts)) + (index - (len(figures.classes) - 1) / 2) * width
            label = group if axes is panels[0] else None
            _bar(axes, places, gains, 0.9 * width, _COLORS[index], label, flat=False)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_ylabel(f"{title} (points)")
        axes.grid(axis="y")
    names = [part.title.replace(", after ", "\nafter\n") for part in parts]
    panels[-1].set_xticks(range(len(parts)), names)
    picture.legend(loc="outside upper center", ncols=len(figures.classes), frameon=False)
    return picture


def _bar(
    axes: Axes,
    places: np.ndarray,
    values: Sequence[Figure | None],
    width: float,
    color: str,
    label: str | None,
    *,
    flat: bool,
) -> None:
    """Bars of means with lines of their spread and a dot a seed; lying ones where ``flat``."""
    known = [(place, one) for place, one in zip(places, values, strict=True) if one is not None]
    at, means = [place for place, _ in known], [one.mean for _, one in known]
    (axes.barh if flat else axes.bar)(at, means, width, color=color, alpha=0.7, label=label)
    spreads = [one.spread or 0.0 for _, one in known]
    dots = [(place, value) for place, one in known for value in one.values]
    lines = {"fmt": "none", "ecolor": INK, "elinewidth": 1, "capsize": 2}
    if flat:
        axes.errorbar(means, at, xerr=spreads, **lines)
        axes.plot([v for _, v in dots], [p for p, _ in dots], ".", color=INK, markersize=3)
    else:
        axes.errorbar(at, means, yerr=spreads, **lines)
        axes.plot([p for p, _ in dots], [v for _, v in dots], ".", color=INK, markersize=3)
