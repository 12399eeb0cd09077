from __future__ import annotations

from pathlib import Path

import pytest

from stma_d2.evaluation import METRICS
from stma_d2.evaluation.paper import paper_figures

ZOO = Path(__file__).resolve().parents[2] / "MODEL_ZOO.md"


@pytest.mark.parametrize(
    ("dataset", "words"),
    [("ucf101_24_test", "UCF101-24, split 1"), ("jhmdb_21_split2_test", "JHMDB-21, mean of 3")],
)
def test_figures_are_those_of_the_model_zoo(dataset, words):
    (row,) = (line for line in ZOO.read_text().splitlines() if f"| {words}" in line)
    figures = paper_figures(dataset)
    assert figures.source in row and figures.source.startswith(words)
    numbers = [float(cell) for cell in row.split("|")[3:-1]]
    assert list(figures.metrics.items()) == list(zip(METRICS, numbers, strict=True))


@pytest.mark.parametrize("dataset", ["ucf101_24_train", "synthetic_actions_val", "mine_test"])
def test_other_data_sets_have_none(dataset):
    assert paper_figures(dataset) is None
