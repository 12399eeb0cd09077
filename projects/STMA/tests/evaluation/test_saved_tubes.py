"""Saved detections become the tubes that the evaluation links."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.data import TubeAnnotations, VideoAnnotation
from stma_d2.errors import InputError
from stma_d2.evaluation import get_protocol, save_detections, tubes_of_detections
from stma_d2.linking import build_tubes
from stma_d2.structures import Tubelets

TRUTH = TubeAnnotations(
    ("run", "jump"), {name: VideoAnnotation(20, 240, 320, ()) for name in ("v", "u")}, ()
)


@pytest.fixture
def tubelets():
    boxes = np.tile(np.array([0, 0, 19, 19], np.float32), (16, 2, 5, 1))
    boxes[:, 1] += 100
    scores = np.zeros((16, 2, 2), np.float32)
    scores[:, 0, 0], scores[:, 1, 1] = 0.9, 0.1
    return Tubelets(np.arange(1, 17), boxes, scores)


def test_tubes_are_linked_and_weak_ones_left_out(tubelets, tmp_path):
    path = tmp_path / "detections.npz"
    save_detections(path, {"v": tubelets})
    protocol = get_protocol("moc")
    found = tubes_of_detections(path, TRUTH, protocol, 0.5)
    assert (found.labels, list(found.videos)) == (("run", "jump"), ["v"])
    (tube,) = found.videos["v"].tubes
    assert (tube.label, tube.frames.tolist()) == (0, list(range(1, 21)))
    assert tube.score == pytest.approx(0.9)
    all_of_them = tubes_of_detections(path, TRUTH, protocol, 0.0).videos["v"].tubes
    expected = build_tubes(tubelets, 20, protocol.linking, protocol.tube_nms_iou)
    assert [tube.label for tube in all_of_them] == [tube.label for tube in expected] == [0, 1]


def test_other_videos_and_classes_are_refused(tubelets, tmp_path):
    path = tmp_path / "detections.npz"
    save_detections(path, {"w": tubelets})
    with pytest.raises(InputError, match=r"detections\.npz: the annotations have no video 'w'"):
        tubes_of_detections(path, TRUTH, get_protocol("moc"), 0.0)
    save_detections(path, {"v": _one_class(tubelets)})
    with pytest.raises(InputError, match="has 1 classes, the annotations have 2 labels"):
        tubes_of_detections(path, TRUTH, get_protocol("moc"), 0.0)


def test_the_files_own_rules_hold_unless_others_are_asked_for(tubelets, tmp_path):
    path = tmp_path / "detections.npz"
    longest = get_protocol("moc", min_tube_length=25)
    save_detections(path, {"v": tubelets}, TRUTH.labels, longest)
    assert not tubes_of_detections(path, TRUTH, None, 0.0).videos["v"].tubes
    assert tubes_of_detections(path, TRUTH, get_protocol("moc"), 0.0).videos["v"].tubes
    save_detections(path, {"v": tubelets}, ("run", "fly"), longest)
    with pytest.raises(InputError, match="has the labels run, fly, the annotations have run, jump"):
        tubes_of_detections(path, TRUTH, None, 0.0)


def _one_class(tubelets):
    return Tubelets(tubelets.windows, tubelets.boxes, tubelets.scores[:, :, :1])
