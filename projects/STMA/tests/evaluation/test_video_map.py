from __future__ import annotations

import numpy as np
import pytest

from stma_d2.evaluation import (
    build_tubes,
    get_protocol,
    suppress_by_class,
    suppress_tubes,
    tube_iou,
)
from stma_d2.evaluation.video_map import video_average_precision
from stma_d2.structures import Tube

BOX, HALF, FAR = (0, 0, 9, 9), (0, 0, 9, 4), (100, 0, 109, 9)


def scored(tube, score):
    return Tube(tube.frames, tube.boxes, tube.label, score)


def test_overlap_in_space_and_time_by_hand(make):
    """Frames 1-10 and 6-20: 5 shared of 20; boxes overlap by one half there."""
    assert tube_iou(make.tube(1, 10, BOX), make.tube(6, 20, HALF)) == pytest.approx(0.5 * 5 / 20)
    assert tube_iou(make.tube(1, 10, BOX), make.tube(1, 10, BOX)) == 1
    assert tube_iou(make.tube(1, 10, BOX), make.tube(11, 20, BOX)) == 0
    assert tube_iou(make.tube(1, 10, BOX), make.tube(1, 10, FAR)) == 0


def test_overlap_averages_over_the_shared_frames(make):
    """Boxes agree on frame 1 and miss each other on frame 2."""
    moving = Tube(np.array([1, 2]), np.array([BOX, FAR], np.float32), 0)
    assert tube_iou(moving, make.tube(1, 2, BOX)) == 0.5


def test_tubes_that_overlap_a_better_one_are_removed(make):
    """Of 10 frames each, `late` shares 5 of 15 with `best` (1 / 3 > 0.3), `later` 4 of 16."""
    best = scored(make.tube(1, 10, BOX), 0.9)
    late = scored(make.tube(6, 15, BOX), 0.8)
    later = scored(make.tube(7, 16, BOX), 0.7)
    assert suppress_tubes([later, late, best], 0.3) == [best, later]


def test_a_tube_that_overlaps_by_exactly_the_threshold_stays(make):
    """Of 13 frames each, the tubes share 6 of 20."""
    tubes = [scored(make.tube(1, 13, BOX), 0.9), scored(make.tube(8, 20, BOX), 0.8)]
    assert suppress_tubes(tubes, 0.3) == tubes


def test_overlap_of_exactly_the_threshold_finds_the_tube(make):
    """15 of 20 frames: overlap 0.75."""
    truth = make.annotate("a", v=(20, [make.tube(1, 20, BOX)]))
    found = {"v": make.follow([make.tube(1, 15, BOX)], 20, K=5, C=1)}
    aps = video_average_precision(found, truth, ["v"], get_protocol("moc"), [0.75, 0.76])
    assert aps[:, 0].tolist() == [1, 0]


def test_of_equal_tubes_the_first_stays(make):
    first, second = (scored(make.tube(1, 10, BOX), 0.5) for _ in range(2))
    assert suppress_tubes([first, second], 0.3)[0] is first
    assert len(suppress_tubes([first, second], 0.3)) == 1


def test_tubes_of_other_classes_suppress_nothing(make):
    best, worse = (scored(make.tube(1, 10, BOX, label=1), score) for score in (0.9, 0.8))
    other = scored(make.tube(1, 10, BOX, label=0), 0.1)
    assert suppress_by_class([worse, other, best], 0.3) == [best, other]


def test_build_tubes_links_and_suppresses(make):
    actor = make.tube(1, 20, BOX)
    found = make.follow([actor, actor], 20, K=5, C=2)
    assert len(found.windows) == 16
    (tube,) = build_tubes(found, 20, get_protocol("act"))
    assert len(tube) == 20 and tube.score == pytest.approx(0.9)


def test_average_precision_over_thresholds(make):
    """The tube covers 24 of the actor's 30 frames: overlap 0.8."""
    truth = make.annotate("ab", v=(30, [make.tube(1, 30, BOX)]))
    found = {"v": make.follow([make.tube(1, 24, BOX)], 30, K=5, C=2)}
    aps = video_average_precision(found, truth, ["v"], get_protocol("moc"), [0.5, 0.75, 0.85])
    assert aps[:, 0].tolist() == [1, 1, 0]
    assert np.isnan(aps[:, 1]).all(), "class b has no ground truth"


def test_second_tube_may_take_the_neighbor_but_not_under_voc(make):
    """Two actors side by side on frames 1-40; two tubes follow the first, early and late.

    Early: 18 / 40 = 0.45 with the first. Late: 19 / 40 = 0.475 with the first, 0.475 * 8 / 12 =
    0.317 with the second, which is still free.
    """
    truth = make.annotate("a", v=(40, [make.tube(1, 40, BOX), make.tube(1, 40, (2, 0, 11, 9))]))
    early, late = make.tube(1, 18, BOX), make.tube(22, 40, BOX)
    found = {"v": make.follow([early, late], 40, K=1, C=1)}
    found["v"].scores[found["v"].windows > 20] *= 0.5
    for name, expected in {"moc": 1.0, "voc": 0.5}.items():
        aps = video_average_precision(found, truth, ["v"], get_protocol(name), [0.3])
        assert aps[0, 0] == expected
