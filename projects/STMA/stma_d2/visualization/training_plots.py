"""Plots of a training, from the ``metrics.json`` that Detectron2 writes line by line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from ..errors import InputError
from ..plain_values import whole_number
from ..safe_json import parse_json
from .figures import BLUE, Margins, new_panels, style

_PREFIX = "unweighted/"
_TOO_LARGE = 2**64  # for a whole number that something counted


class Series(NamedTuple):
    """Values of one scalar by ascending iteration."""

    iterations: list[int]
    values: list[float]


def read_history(path: Path) -> dict[str, Series]:
    """Read what a training logged.

    Of an iteration that was told several times, as --resume does, the last value counts. A line
    that is not whole, as a killed training may leave one, is passed over.

    Raises:
        InputError: naming the file and the line, if an iteration is no whole number.

    Returns:
        ``{name: Series}``; empty where there is no such file.
    """
    told: dict[str, dict[int, float]] = {}
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            record = parse_json(line)
        except InputError:
            continue
        if not isinstance(record, dict) or "iteration" not in record:
            continue
        iteration = whole_number(record.pop("iteration"), f"{path}, line {number}: iteration")
        for name, value in record.items():
            if isinstance(value, float) or (isinstance(value, int) and abs(value) < _TOO_LARGE):
                told.setdefault(name, {})[iteration] = value
    return {
        name: Series(sorted(values), [values[i] for i in sorted(values)])
        for name, values in told.items()
    }


def training_figures(history: dict[str, Series]) -> dict[str, Figure]:
    """Losses with the learning rate, and metrics, over the iterations.

    Those that were told; metrics where there was more than one evaluation.
    """
    losses = [name for name in history if name.startswith("loss_")]
    shown = [_PREFIX + name if _PREFIX + name in history else name for name in losses]
    shown = [name for name in ("total_loss", *shown, "lr") if name in history]
    metrics = [name for name in history if "mAP" in name and len(history[name].values) > 1]
    with style():
        figures = {}
        if shown:
            figures["losses"] = _panels(history, shown)
        if metrics:
            figures["metrics"] = _panels(history, metrics)
        return figures


def _panels(history: dict[str, Series], names: list[str]) -> Figure:
    figure, panels = new_panels(len(names), 2, (2.1, 1.4), Margins(0.1, 0.25, 0.45, 0.25))
    for axes, name in zip(panels, names, strict=True):
        iterations, values = history[name]
        single = {"marker": "o", "markersize": 4} if len(values) < 30 else {}
        axes.plot(iterations, values, color=BLUE, linewidth=1.3, **single)
        title = name.removeprefix("action_detection/")
        if name.startswith(_PREFIX):
            title = f"{name.removeprefix(_PREFIX)}, unweighted"
        axes.set_title(title, fontsize=8)
        axes.grid()
    figure.supxlabel("iteration", fontsize=9)
    return figure
