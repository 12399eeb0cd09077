"""The study's file, page and plots, in one folder."""

from __future__ import annotations

from pathlib import Path

from ..files import atomic_write
from ..visualization.figures import write_png
from .figures import Figures
from .page import render
from .plots import draw
from .results import changed_since, read_study

NAME = "ablations"
STUDY_FILE = f"{NAME}.json"


def write_report(folder: Path) -> Path:
    """Make the page and the plots from the study's file, the same bytes each time.

    Returns:
        the page.

    Raises:
        InputError: if ``folder`` holds no study.
    """
    study = read_study(folder / STUDY_FILE)
    changes = changed_since(study, folder / STUDY_FILE)
    plots = {f"{NAME}_{name}.png": plot for name, plot in draw(Figures(study)).items()}
    for name, plot in plots.items():
        write_png(folder / name, plot.picture)
    page = folder / f"{NAME}.md"
    with atomic_write(page) as file:
        texts = {name: plot.text for name, plot in plots.items()}
        file.write(render(study, texts, changes).encode())
    return page
