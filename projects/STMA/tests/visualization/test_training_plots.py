from __future__ import annotations

import pytest

from stma_d2.errors import InputError
from stma_d2.visualization.training_plots import read_history, training_figures

LOG = """\
{"iteration": 19, "total_loss": 3.0, "loss_size": 1.0, "unweighted/loss_size": 2.0, "lr": 0.1}
{"iteration": 39, "total_loss": 2.0, "lr": 0.1}
{"iteration": 19, "total_loss": 2.5, "lr": 0.1}
{"iteration": 39, "action_detection/video_mAP@0.5": 50.0, "action_detection/frame_mAP@0.5": 1.0}
{"iteration": 59, "action_detection/video_mAP@0.5": 60.0}
[1, 2]
{"iteration": 59, "total_lo"""


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.axison]


def test_the_last_word_on_an_iteration_counts_and_broken_lines_do_not(tmp_path):
    (tmp_path / "metrics.json").write_text(LOG)
    history = read_history(tmp_path / "metrics.json")
    assert history["total_loss"] == ([19, 39], [2.5, 2.0])
    assert history["loss_size"] == ([19], [1.0])
    assert history["action_detection/video_mAP@0.5"] == ([39, 59], [50.0, 60.0])
    assert read_history(tmp_path / "none.json") == {}


@pytest.mark.parametrize("iteration", ["1e400", "2.5", "null", "1" + "0" * 400])
def test_an_iteration_that_is_no_number_of_one_is_refused(tmp_path, iteration):
    deep = "[" * 200_000
    text = f'{deep}\n{{"iteration": {iteration}, "lr": 0.1}}\n'
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(InputError, match=r"metrics\.json, line 2: iteration is "):
        read_history(tmp_path / "metrics.json")


def test_losses_are_drawn_unweighted_where_that_was_told(tmp_path):
    (tmp_path / "metrics.json").write_text(LOG)
    history = read_history(tmp_path / "metrics.json")
    figures = training_figures(history)
    assert titles(figures["losses"]) == ["total_loss", "loss_size, unweighted", "lr"]
    assert titles(figures["metrics"]) == ["video_mAP@0.5"]
    (line,) = figures["losses"].axes[0].lines
    assert line.get_xydata().tolist() == [[19, 2.5], [39, 2.0]]
    del history["unweighted/loss_size"]  # as older logs
    assert "loss_size" in titles(training_figures(history)["losses"])
    assert training_figures({}) == {}
