"""What stands in the plots of an evaluation, by hand."""

from __future__ import annotations

import json

import cv2
import pytest

from stma_d2.evaluation import ERROR_KINDS
from stma_d2.visualization.plots import evaluation_figures, write_plots


def metrics():
    """Class a: frame-AP 60, video-AP 40, of which 40 points are lost; class b: nothing."""
    lost = {"a": (10, 5, 5, 0, 20), "b": (0, 0, 0, 0, 100)}
    errors = {label: dict(zip(ERROR_KINDS, row, strict=True)) for label, row in lost.items()}
    mean = {kind: (errors["a"][kind] + errors["b"][kind]) / 2 for kind in ERROR_KINDS}
    aps = {"frame_mAP@0.5": {"a": 60.0, "b": 0.0}, "video_mAP@0.5": {"a": 40.0, "b": 0.0}}
    values = {metric: sum(of.values()) / 2 for metric, of in aps.items()}
    values |= {f"AP/{m}/{label}": ap for m, of in aps.items() for label, ap in of.items()}
    return {"metrics": values, "error_analysis": {"mean": mean, "per_class": errors}}


CURVES = {
    "frame_iou": 0.5,
    "precision_recall": {
        "a": {"precision": [1.0, 0.8], "recall": [0.5, 0.75]},
        "b": {"precision": [], "recall": []},
    },
    "video_mAP_over_iou": [[0.2, 30.0], [0.5, 20.0]],
    "confusion": {
        "labels": ["a", "b"],
        "min_score": 0.2,
        "counts": [[30, 10, 0], [0, 0, 7], [3, 0, 0]],
    },
}


@pytest.fixture
def figures():
    return evaluation_figures(metrics(), CURVES)


def texts(axes):
    return {(text.get_position(), text.get_text()) for text in axes.texts if text.get_text()}


def test_precision_recall_has_a_panel_a_class(figures):
    found, none = (axes for axes in figures["precision_recall"].axes if axes.axison)
    (line,) = found.lines
    assert line.get_xydata().tolist() == [[0, 1], [0.5, 1], [0.75, 0.8]]
    assert found.get_title() == "a\nAP 60.0"
    assert not none.lines and {text for _, text in texts(none)} == {"none found"}


def test_map_over_iou_is_the_curve(figures):
    (axes,) = figures["map_over_iou"].axes
    assert axes.lines[0].get_xydata().tolist() == [[0.2, 30], [0.5, 20]]


def test_confusion_shows_each_rows_shares(figures):
    """Row a: 30 of 40 as a, 10 as b; b is missed; the background is only taken for a."""
    (axes,) = figures["confusion"].axes
    assert texts(axes) == {
        ((0.5, 0.5), "75"),
        ((1.5, 0.5), "25"),
        ((2.5, 1.5), "100"),
        ((0.5, 2.5), "100"),
    }
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "missed"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "background"]


def test_bars_are_the_classes_average_precision(figures):
    (axes,) = figures["per_class"].axes
    widths = [[bar.get_width() for bar in bars] for bars in axes.containers]
    assert widths == [[60, 0], [40, 0]]


def test_errors_and_what_was_found_fill_a_hundred_points(figures):
    (axes,) = figures["errors"].axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["mean", "a", "b"]
    for row in range(3):
        bars = [bars[row] for bars in axes.containers]
        ends = [bar.get_x() + bar.get_width() for bar in bars]
        assert [bar.get_x() for bar in bars] == pytest.approx([0, *ends[:-1]])
        assert ends[-1] == pytest.approx(100)
    assert axes.containers[0][1].get_width() == 60


def test_without_curves_there_are_the_plots_of_the_numbers():
    assert set(evaluation_figures(metrics(), None)) == {"per_class", "errors"}


def test_many_classes_and_strange_labels_are_drawn(tmp_path):
    """25 classes, where no cell has room for a figure."""
    names = [f"${i}_<b>&" + "x" * i for i in range(25)]
    record, curves = metrics(), json.loads(json.dumps(CURVES))
    analysis = record["error_analysis"]
    analysis["per_class"] = dict.fromkeys(names, analysis["per_class"]["a"])
    for metric in ("frame_mAP@0.5", "video_mAP@0.5"):
        record["metrics"] |= {f"AP/{metric}/{name}": 50.0 for name in names}
        for label in "ab":
            del record["metrics"][f"AP/{metric}/{label}"]
    curves["precision_recall"] = dict.fromkeys(names, CURVES["precision_recall"]["a"])
    curves["confusion"] |= {"labels": names, "counts": [[1] * 26] * 26}
    (tmp_path / "metrics.json").write_text(json.dumps(record))
    (tmp_path / "curves.json").write_text(json.dumps(curves))
    written = write_plots(tmp_path)
    assert sorted(written) == sorted(tmp_path.glob("*.png")) and len(written) == 5
    assert all(cv2.imread(str(path)) is not None for path in written)
