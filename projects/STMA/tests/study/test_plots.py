"""What stands in the study's plots, by hand."""

from __future__ import annotations

import pytest

from stma_d2.study.figures import Figures
from stma_d2.study.plots import draw


@pytest.fixture
def plots(study):
    return draw(Figures(study))


def test_bars_are_means_with_spread_and_seeds(plots):
    """In the order of the tables: base (50, 50), CAL (58), full (80, 70)."""
    (axes,) = plots["bars"].picture.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["base", "CAL", "full"]
    frame, spread, video, _ = axes.containers
    assert [bar.get_width() for bar in frame] == [bar.get_width() for bar in video] == [50, 58, 75]
    (lines,) = spread.lines[2]
    ends = [segment[:, 0].tolist() for segment in lines.get_segments()]
    assert ends == [[50, 50], [58, 58], pytest.approx([75 - 50**0.5, 75 + 50**0.5])]
    dots = next(line for line in axes.lines if line.get_marker() == ".")
    assert dots.get_xdata().tolist() == [50, 50, 58, 80, 70]


def test_curves_over_the_overlap_are_means(plots):
    (axes,) = plots["map_over_iou"].picture.axes
    curves = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert curves["base"] == [[0.2, 60], [0.5, 50]]
    assert curves["CAL+ME+STA+GR (full)"] == [[0.2, 85], [0.5, 75]]


def test_gains_have_a_bar_a_part_and_kind_of_class(plots):
    """Full - base: short 20 and 8, long 50 and 44; CAL - base: short 10, long 4."""
    frame, video = plots["gains"].picture.axes
    heights = [[bar.get_height() for bar in group] for group in frame.containers[::2]]
    assert heights == [[14, 10], [47, 4]]
    assert [label.get_text() for label in video.get_xticklabels()] == ["all of it", "CAL"]


def test_plots_without_data_are_left_out(study, make_run):
    assert set(draw(Figures({**study, "class_groups": None}))) == {"bars", "map_over_iou"}
    assert set(draw(Figures({**study, "runs": [make_run("cfam", 1, {"run": 9})]}))) == {"bars"}
    assert draw(Figures({**study, "runs": []})) == {}
