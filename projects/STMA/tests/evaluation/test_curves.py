from __future__ import annotations

import json

import numpy as np
import pytest

from stma_d2.evaluation import get_protocol, run_evaluation
from stma_d2.evaluation.curves import sampled_precision_recall
from stma_d2.evaluation.frame_map import ClassDetections, Outcome

BOX = (0, 0, 19, 19)


def detections(correct, num_boxes):
    outcomes = np.where(correct, Outcome.CORRECT, Outcome.OTHER).astype(np.int8)
    return ClassDetections(np.linspace(1, 0, len(correct)), outcomes, num_boxes)


def test_a_short_curve_has_a_point_for_each_correct_detection():
    """Right at ranks 1, 3 and 4, of four boxes."""
    precision, recall = sampled_precision_recall(detections([1, 0, 1, 1, 0], 4))
    assert precision.tolist() == pytest.approx([1, 2 / 3, 3 / 4])
    assert recall.tolist() == pytest.approx([1 / 4, 2 / 4, 3 / 4])


def test_nothing_found_is_no_point():
    precision, recall = sampled_precision_recall(detections([0, 0], 4))
    assert len(precision) == len(recall) == 0


def test_a_long_curve_is_thinned_out_and_keeps_its_ends():
    precision, recall = sampled_precision_recall(detections([0, *[1] * 5000], 8000))
    assert len(recall) == 101
    assert (recall[0], recall[-1]) == (1 / 8000, 5000 / 8000)
    assert (precision[0], precision[-1]) == (1 / 2, 5000 / 5001)
    assert np.diff(recall).max() <= 51 / 8000


def test_video_map_over_the_overlap_is_what_the_metrics_are_made_of(make):
    """The tube overlaps by 2 / 3: it is right up to 0.65."""
    truth = make.annotate("ab", v=(30, [make.tube(1, 30, BOX), make.tube(1, 30, BOX, 1)]))
    found = {"v": make.follow([make.tube(1, 20, BOX)], 30, 5, 2)}
    evaluation = run_evaluation(found, truth, ["v"], get_protocol("moc"))
    record = json.loads(json.dumps(evaluation.curves.record()))
    curve = dict(map(tuple, record["video_mAP_over_iou"]))
    assert list(curve) == sorted(curve) == [0.2, *(round(0.5 + 0.05 * i, 2) for i in range(10))]
    assert curve == {iou: 50 if iou <= 0.65 else 0 for iou in curve}
    assert evaluation.means["video_mAP@0.5:0.95"] == pytest.approx(
        np.mean([value for iou, value in curve.items() if iou >= 0.5])
    )
    assert record["precision_recall"]["a"]["recall"][-1] == pytest.approx(20 / 30)
    assert record["precision_recall"]["b"] == {"precision": [], "recall": []}
    assert record["confusion"]["counts"] == [[20, 0, 10], [0, 0, 30], [0, 0, 0]]
