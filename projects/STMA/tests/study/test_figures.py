"""Means over seeds, by hand."""

from __future__ import annotations

import pytest

from stma_d2.study.figures import Figures, over_seeds

METRIC = "frame_mAP@0.5"


def test_spread_is_the_sample_standard_deviation():
    """(70 - 75)^2 + (80 - 75)^2 = 50, over n - 1 = 1."""
    figure = over_seeds([70, 80])
    assert (figure.mean, figure.spread, figure.values) == (75, pytest.approx(50**0.5), (70, 80))
    assert over_seeds([70]) == (70, None, (70,)) and over_seeds([]) is None


def test_text_has_the_spread_where_there_is_one_and_the_sign_if_asked_for():
    assert over_seeds([70, 80]).text() == "75.0 ± 7.1"
    assert over_seeds([70.26]).text() == "70.3"
    assert [over_seeds([x]).text("+") for x in (1.0, -1.0)] == ["+1.0", "-1.0"]


def test_row_over_its_seeds_and_by_group(study):
    figures = Figures(study)
    assert figures.of("full", METRIC).values == (80, 70)
    assert figures.of("full", METRIC, "short").values == (70, 60)
    assert figures.of("full", METRIC, "long").values == (100, 90)
    assert figures.of("K1", METRIC) is None


def test_groups_are_those_of_classes_with_ground_truth(study):
    assert Figures(study).classes == {"short": ["run", "hop"], "long": ["sway"]}
    assert Figures({**study, "class_groups": None}).classes == {}


def test_gain_is_of_the_same_seeds(study):
    """CAL has seed 2 alone: 58 - 50."""
    figures = Figures(study)
    assert figures.gain("full", "base", METRIC).values == (30, 20)
    assert figures.gain("full", "base", METRIC, "long").values == (50, 44)
    assert figures.gain("CAL", "base", METRIC).values == (8,)
    assert figures.gain("CAL_ME", "CAL", METRIC) is None


def test_curve_is_the_mean_at_each_overlap(study):
    curve = Figures(study).over_iou("full")
    assert {iou: figure.mean for iou, figure in curve.items()} == {0.2: 85, 0.5: 75}
    assert Figures(study).over_iou("K1") == {}
