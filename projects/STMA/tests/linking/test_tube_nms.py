from __future__ import annotations

import numpy as np
import pytest

from stma_d2.linking import suppress_by_class, tube_iou
from stma_d2.structures import Tube

BOX, HALF, FAR = (0, 0, 9, 9), (0, 0, 9, 4), (100, 0, 109, 9)


def tube(first, last, box=BOX, score=1.0, label=0):
    frames = np.arange(first, last + 1)
    return Tube(frames, np.tile(np.array(box, np.float32), (len(frames), 1)), label, score)


def test_overlap_in_space_and_time_by_hand():
    """Frames 1-10 and 6-20: 5 shared of 20; boxes overlap by one half there."""
    assert tube_iou(tube(1, 10), tube(6, 20, HALF)) == pytest.approx(0.5 * 5 / 20)
    assert tube_iou(tube(1, 10), tube(1, 10)) == 1
    assert tube_iou(tube(1, 10), tube(11, 20)) == 0
    assert tube_iou(tube(1, 10), tube(1, 10, FAR)) == 0


def test_overlap_averages_over_the_shared_frames():
    """Boxes agree on frame 1 and miss each other on frame 2."""
    moving = Tube(np.array([1, 2]), np.array([BOX, FAR], np.float32), 0)
    assert tube_iou(moving, tube(1, 2)) == 0.5


def test_time_between_frames():
    """Frames 1-10 last 9, 6-20 last 14: 4 shared of 19. One frame lasts no time."""
    whole = (0, 0, 10, 10)
    assert tube_iou(tube(1, 10, whole), tube(6, 20, whole), False) == pytest.approx(4 / 19)
    half = tube_iou(tube(1, 10, whole), tube(6, 20, (0, 0, 10, 5)), False)
    assert half == pytest.approx(0.5 * 4 / 19)
    assert tube_iou(tube(1, 10), tube(1, 10), False) == 1
    assert tube_iou(tube(1, 10), tube(10, 20), False) == 0
    assert tube_iou(tube(3, 3), tube(3, 3), False) == 0


def test_overlap_has_the_precision_of_the_boxes():
    """A third, once in 24 and once in 53 binary digits."""
    single, double = tube(1, 3), Tube(np.arange(1, 4), np.tile(np.float64(BOX), (3, 1)), 0)
    assert tube_iou(single, tube(1, 1)) == np.float32(1) / np.float32(3)
    assert tube_iou(double, tube(1, 1)) == 1 / 3


def test_tubes_that_overlap_a_better_one_are_removed():
    """Of 10 frames each, `late` shares 5 of 15 with `best` (1 / 3 > 0.3), `later` 4 of 16."""
    best, late, later = tube(1, 10, score=0.9), tube(6, 15, score=0.8), tube(7, 16, score=0.7)
    assert suppress_by_class([later, late, best], 0.3) == [best, later]


def test_a_tube_that_overlaps_by_exactly_the_threshold_stays():
    """Of 13 frames each, the tubes share 6 of 20."""
    tubes = [tube(1, 13, score=0.9), tube(8, 20, score=0.8)]
    assert suppress_by_class(tubes, 0.3) == tubes


def test_of_equal_tubes_the_first_stays():
    first, second = tube(1, 10), tube(1, 10)
    (kept,) = suppress_by_class([first, second], 0.3)
    assert kept is first


def test_tubes_of_other_classes_suppress_nothing():
    best, worse = (tube(1, 10, score=score, label=1) for score in (0.9, 0.8))
    other = tube(1, 10, score=0.1)
    assert suppress_by_class([worse, other, best], 0.3) == [best, other]
