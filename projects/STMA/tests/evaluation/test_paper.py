"""Other people's figures are those of their own pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stma_d2.evaluation import METRICS
from stma_d2.evaluation.paper import REPORTED, paper_figures

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def test_the_papers_are_those_of_its_table_1(shared):
    """The last row without optical flow: five figures on UCF101-24, five on JHMDB-21."""
    text = (shared / "paper" / "stma.md").read_text()
    (row,) = re.findall(r"^Ours\t(.*)$", text, re.MULTILINE)
    numbers = [float(number) for number in re.findall(r"\d+\.\d", row)]
    ours = paper_figures("ucf101_24_test"), paper_figures("jhmdb_21_split2_test")
    assert [value for figures in ours for value in figures.metrics.values()] == numbers
    assert all(tuple(figures.metrics) == METRICS for figures in ours)
    assert [one.figures for one in REPORTED[:2]] == list(ours)


@pytest.mark.parametrize("reported", REPORTED[2:], ids=lambda one: one.config)
def test_moc_detectors_are_those_of_the_configurations_comments(reported):
    text = (CONFIGS / reported.config).read_text()
    settings = "flipped" if reported.settings == "TEST.FLIP True" else reported.settings
    (numbers,) = re.findall(rf"rgb_coco\.pth[^()]*? {settings}: ([\d., #\n]+?)[;\n]", text)
    assert numbers == ", ".join(f"{value:.2f}" for value in reported.figures.metrics.values())
    assert tuple(reported.figures.metrics) == METRICS and reported.whose == "MOC-Detector"


@pytest.mark.parametrize("dataset", ["ucf101_24_train", "synthetic_actions_val", "mine_test"])
def test_other_data_sets_have_none(dataset):
    assert paper_figures(dataset) is None
