from __future__ import annotations

import numpy as np
import pytest

from stma_d2.evaluation import frame_boxes, get_protocol
from stma_d2.evaluation.frame_boxes import (
    FrameBoxes,
    boxes_of_tubelets,
    on_frames,
    truth_on_frames,
)
from stma_d2.structures import Tubelets

BOX, CLOSE, FAR = (0, 0, 9, 9), (1, 0, 10, 9), (100, 0, 109, 9)


def laid_out(boxes, truth, protocol="moc"):
    """{(frame, label): [score, ...]} of what is kept."""
    result = {}
    for found in on_frames(boxes, truth, get_protocol(protocol)):
        for row, column, place in zip(*np.nonzero(found.kept), strict=True):
            key = int(found.frames[row]), int(found.labels[column])
            assert found.boxes[row, place].tolist() == [found.scores[row, column, place] * 100] * 4
            result.setdefault(key, []).append(round(100 * found.scores[row, column, place]))
    return result


@pytest.mark.parametrize("pairs_at_once", [1, 1 << 17])
def test_finished_boxes_keep_their_order_on_each_frame(make, monkeypatch, pairs_at_once):
    """Frames 4 and 7 lie beyond the video of three, as one frame without ground truth."""
    monkeypatch.setattr(frame_boxes, "_PAIRS_AT_ONCE", pairs_at_once)
    (video,) = make.annotate("abc", v=(3, [make.tube(2, 3, BOX)])).videos.values()
    scores = np.array([1, 2, 3, 4, 5, 6, 7, 8]) / 100
    boxes = FrameBoxes(
        np.array([2, 1, 2, 7, 2, 4, 3, 1]),
        np.array([0, 0, 0, 0, 2, 0, 0, 0]),
        scores,
        np.tile(scores[:, None] * 100, (1, 4)),
    )
    expected = {(1, 0): [2, 8], (2, 0): [1, 3], (3, 0): [7], (4, 0): [4, 6], (2, 2): [5]}
    assert laid_out(boxes, truth_on_frames(video)) == expected
    del expected[1, 0], expected[4, 0]
    assert laid_out(boxes, truth_on_frames(video), "voc") == expected, "annotated frames only"


def test_boxes_of_tubelets_are_suppressed_and_ordered_by_frame_class_and_place(make):
    """On frame 2 two windows meet: the second box (IoU 9 / 11) keeps 2 / 11 of its score."""
    found = Tubelets(
        np.array([1, 2]),
        np.array([[[BOX, BOX]], [[CLOSE, CLOSE]]], np.float32),
        np.array([[[0.8, 0.1]], [[0.5, 0]]], np.float32),
    )
    (video,) = make.annotate("ab", v=(3, [make.tube(1, 3, BOX)])).videos.values()
    (boxes,) = boxes_of_tubelets(found, video, get_protocol("moc"))
    assert boxes.frames.tolist() == [1, 1, 2, 2, 2, 3]
    assert boxes.labels.tolist() == [0, 1, 0, 0, 1, 0]
    assert boxes.scores.tolist() == pytest.approx([0.8, 0.1, 0.8, 0.5 * 2 / 11, 0.1, 0.5])
    assert boxes.boxes[:, 0].tolist() == [0, 0, 0, 1, 0, 1]


def test_no_tubelets_give_no_boxes(make):
    (video,) = make.annotate("a", v=(3, [make.tube(1, 3, BOX)])).videos.values()
    empty = Tubelets(np.array([1]), np.zeros((1, 0, 2, 4)), np.zeros((1, 0, 1)))
    assert list(boxes_of_tubelets(empty, video, get_protocol("moc"))) == []
