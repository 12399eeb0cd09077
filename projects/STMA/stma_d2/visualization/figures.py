"""Matplotlib figures without a display, the same bytes at every call, for light and dark pages."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..files import atomic_write
from .text import font_families

# Text and lines; an SVG takes the color of the page's text in its place.
INK = "#1b1c1d"
# They show on white and on black, and differ for those who do not see red and green.
BLUE, ORANGE, TEAL, PURPLE, GREY, RED = (
    *("#3d85c6", "#e08a1e", "#2a9d8f", "#a06cc8", "#8a8f98", "#d1495b"),
)
_STYLE = {
    "text.parse_math": False,  # a label may hold dollar signs
    "svg.fonttype": "none",
    "svg.hashsalt": "stma",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.25,
    "savefig.dpi": 150,
    **{
        key: INK
        for key in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    },
}

_RIGHT, _TITLE = 0.1, 0.32  # inches of a panel, at its right and above for its title


def style(texts: Iterable[str] = ()) -> AbstractContextManager[None]:
    """What figures are to be made and saved under.

    Args:
        texts: what the figures will say that others wrote, in any script: the fonts of this machine
            that have its characters are used.
    """
    return matplotlib.rc_context(_STYLE | {"font.family": font_families(texts)})


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sides in inches; no display and none of pyplot's state is used."""
    return Figure(figsize=(width, height), layout="constrained")


class Margins(NamedTuple):
    """Inches: around all panels at the left and below, and of each panel at the left and below."""

    left: float
    below: float
    panel_left: float
    panel_below: float


def new_panels(
    number: int, columns: int, panel: tuple[float, float], margins: Margins
) -> tuple[Figure, list[Axes]]:
    """A figure of ``number`` panels of so many inches each, and these, row after row.

    They are laid out by hand: matplotlib's own layout takes seconds for as many as classes.
    """
    columns = min(columns, number)
    rows = -(-number // columns)
    width, height = columns * panel[0] + margins.left, rows * panel[1] + margins.below
    figure = Figure(figsize=(width, height))
    panels = []
    for index in range(number):
        row, column = divmod(index, columns)
        left = margins.left + column * panel[0] + margins.panel_left
        bottom = margins.below + (rows - 1 - row) * panel[1] + margins.panel_below
        sides = panel[0] - margins.panel_left - _RIGHT, panel[1] - margins.panel_below - _TITLE
        place = (left / width, bottom / height, sides[0] / width, sides[1] / height)
        panels.append(figure.add_axes(place))
    return figure, panels


def shortened(labels: Sequence[str], length: int) -> list[str]:
    """Labels that leave room for the picture."""
    return [label if len(label) <= length else label[: length - 1] + "…" for label in labels]


def write_png(path: Path, figure: Figure) -> None:
    """Write a figure on white, whole or not at all."""
    data = io.BytesIO()
    with style(), _silent_about_glyphs():  # `warn_of_missing_fonts` says it in a line
        figure.savefig(data, format="png", facecolor="white", metadata={"Software": None})
    with atomic_write(path) as file:
        file.write(data.getvalue())


@contextmanager
def _silent_about_glyphs() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


def to_svg(figure: Figure) -> str:
    """The figure as an ``<svg>`` element, see-through, in the color of the text around it."""
    data = io.StringIO()
    with style(), _silent_about_glyphs():  # the browser has other fonts
        figure.savefig(data, format="svg", transparent=True, metadata={"Date": None})
    text = data.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Groups of several figures have the same ids, and nothing refers to them.
    return re.sub(r'<g id="[^"]*"', "<g", text)
