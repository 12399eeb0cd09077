"""Plots of an evaluation, from the files that it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ..evaluation import ERROR_KINDS
from ..safe_json import read_json
from .figures import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    TEAL,
    Margins,
    new_figure,
    new_panels,
    shortened,
    style,
    write_png,
)
from .text import warn_of_missing_fonts

# Cells of a bigger confusion matrix have no room for figures.
_MAX_WRITTEN = 12


def write_plots(folder: Path) -> list[Path]:
    """Draw what ``metrics.json`` and ``curves.json`` of ``folder`` say into PNG files beside them.

    Returns:
        The files: precision_recall.png, map_over_iou.png, per_class.png, confusion.png, errors.png.
    """
    metrics, curves = (read_json(folder / name) for name in ("metrics.json", "curves.json"))
    labels = list(_per_class(metrics, "frame_mAP@0.5"))
    warn_of_missing_fonts(labels, f"boxes stand in their place in the pictures of {folder}")
    written = []
    for name, figure in evaluation_figures(metrics, curves).items():
        written.append(folder / f"{name}.png")
        write_png(written[-1], figure)
    return written


def evaluation_figures(
    metrics: Mapping[str, Any], curves: Mapping[str, Any] | None
) -> dict[str, Figure]:
    """The figures of one evaluation by name.

    Args:
        metrics: the content of metrics.json, see `evaluation_record`.
        curves: that of curves.json, see `Curves.record`. None, as older evaluations left none,
            leaves only per_class and errors.
    """
    aps = _per_class(metrics, "frame_mAP@0.5")
    with style(aps):
        figures = {}
        if curves is not None:
            figures["precision_recall"] = _precision_recall(curves, aps)
            figures["map_over_iou"] = _map_over_iou(curves)
        figures["per_class"] = _per_class_bars(metrics)
        if curves is not None:
            figures["confusion"] = _confusion(curves)
        figures["errors"] = _errors(metrics)
        return figures


def _per_class(metrics: Mapping[str, Any], metric: str) -> dict[str, float]:
    start = f"AP/{metric}/"
    values = metrics["metrics"].items()
    return {name[len(start) :]: value for name, value in values if name.startswith(start)}


def _precision_recall(curves: Mapping[str, Any], aps: Mapping[str, float]) -> Figure:
    by_class = curves["precision_recall"]
    figure, panels = new_panels(len(by_class), 3, (1.25, 1.25), Margins(0.5, 0.4, 0.1, 0.1))
    for axes, label, name in zip(panels, by_class, shortened(list(by_class), 15), strict=True):
        precision, recall = by_class[label]["precision"], by_class[label]["recall"]
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
        axes.set_yticks((0, 0.5, 1), ("0", "0.5", "1"))
        axes.set_title(f"{name}\nAP {aps[label]:.1f}", fontsize=7.5)
        axes.grid()
        if recall:
            axes.plot([0, *recall], [precision[0], *precision], color=BLUE, linewidth=1.4)
        else:
            axes.text(0.5, 0.5, "none found", ha="center", va="center")
    for axes in panels[:-3]:  # others stand below them
        axes.tick_params(labelbottom=False)
    for index, axes in enumerate(panels):
        axes.tick_params(labelleft=index % 3 == 0)
    figure.supxlabel("recall", fontsize=9)
    figure.supylabel("precision", fontsize=9)
    return figure


def _map_over_iou(curves: Mapping[str, Any]) -> Figure:
    overlaps, values = zip(*curves["video_mAP_over_iou"], strict=True)
    figure = new_figure(4.2, 2.4)
    axes = figure.subplots()
    axes.plot(overlaps, values, color=BLUE, marker="o", markersize=4)
    axes.set(xlabel="overlap from which on a tube is right", ylabel="video-mAP (%)", ylim=(0, 102))
    axes.grid()
    return figure


def _per_class_bars(metrics: Mapping[str, Any]) -> Figure:
    frame, video = (_per_class(metrics, name) for name in ("frame_mAP@0.5", "video_mAP@0.5"))
    rows = np.arange(len(frame))
    figure = new_figure(4.2, 0.34 * len(frame) + 1)
    axes = figure.subplots()
    axes.barh(rows - 0.2, frame.values(), 0.38, color=BLUE, label="frame-AP@0.5")
    axes.barh(rows + 0.2, video.values(), 0.38, color=ORANGE, label="video-AP@0.5")
    axes.set_yticks(rows, shortened(list(frame), 18))
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel="average precision (%)")
    axes.grid(axis="x")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def _confusion(curves: Mapping[str, Any]) -> Figure:
    record = curves["confusion"]
    counts, labels = np.array(record["counts"]), shortened(record["labels"], 18)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(4.2, 0.26 * len(counts) + 1.4)
    figure = new_figure(side, side)
    axes = figure.subplots()
    red, green, blue = (int(BLUE[i : i + 2], 16) / 255 for i in (1, 3, 5))
    clear_to_full = [(red, green, blue, 0.0), (red, green, blue, 1.0)]
    axes.pcolormesh(
        shares, cmap=LinearSegmentedColormap.from_list("share", clear_to_full), vmin=0, vmax=1
    )
    if len(labels) <= _MAX_WRITTEN:
        for row, column in np.argwhere(counts):
            share = f"{100 * shares[row, column]:.0f}"
            axes.text(column + 0.5, row + 0.5, share, ha="center", va="center", fontsize=7.5)
    places = np.arange(len(counts)) + 0.5
    axes.set_xticks(places, [*labels, "missed"], rotation=90)
    axes.set_yticks(places, [*labels, "background"])
    axes.invert_yaxis()
    axes.axhline(len(labels), color=GREY, linewidth=0.8)
    axes.axvline(len(labels), color=GREY, linewidth=0.8)
    axes.set(xlabel="detected as", ylabel="true class", aspect="equal")
    axes.set_title(
        f"percent of a row; boxes of overlap {curves['frame_iou']:g}\n"
        f"and score {record['min_score']:g} or more"
    )
    return figure


def _errors(metrics: Mapping[str, Any]) -> Figure:
    analysis = metrics["error_analysis"]
    aps = _per_class(metrics, "frame_mAP@0.5")
    names = ["mean", *aps]
    rows = [analysis["mean"], *(analysis["per_class"][label] for label in aps)]
    parts = {"found (AP)": [metrics["metrics"]["frame_mAP@0.5"], *aps.values()]}
    parts |= {kind: [row[kind] for row in rows] for kind in ERROR_KINDS}
    figure = new_figure(4.2, 0.28 * len(rows) + 1.2)
    axes = figure.subplots()
    left = np.zeros(len(rows))
    colors = (TEAL, ORANGE, PURPLE, BLUE, GREY, RED)
    for (name, values), color in zip(parts.items(), colors, strict=True):
        axes.barh(np.arange(len(rows)), values, 0.7, left, color=color, label=name)
        left += values
    axes.set_yticks(np.arange(len(rows)), shortened(names, 18))
    axes.invert_yaxis()
    axes.set(xlim=(0, max(100.0, left.max())), xlabel="share of the frame-AP@0.5 (points)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure
