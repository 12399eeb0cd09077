"""Drawn tubes."""

from __future__ import annotations

import numpy as np

from stma_d2.structures import Tube
from stma_d2.visualization import class_color, draw_tubes

LABELS = ["run", "jump"]


def tube(label=0, score=0.9, first=3):
    boxes = np.array([[20, 30, 60, 80]] * 4, np.float32) + np.arange(4)[:, None]
    return Tube(np.arange(first, first + 4), boxes.astype(np.float32), label, score)


def is_drawn(canvas, color, x, y):
    return np.abs(canvas[y, x].astype(int) - color).max() < 40


def test_a_small_frame_is_enlarged_and_the_box_lies_at_its_place():
    frame = np.zeros((120, 160, 3), np.uint8)
    canvas = draw_tubes(frame, 3, [tube()], LABELS)
    assert canvas.shape == (360, 480, 3)
    color = class_color(0)
    for x, y in [(60, 150), (180, 150), (120, 240)]:  # the left, right and bottom side, times 3
        assert is_drawn(canvas, color, x, y)
    assert not is_drawn(canvas, color, 150, 200)
    assert frame.max() == 0, "the given frame is not changed"


def test_a_large_frame_keeps_its_size():
    assert draw_tubes(np.zeros((400, 500, 3), np.uint8), 1, [], LABELS).shape == (400, 500, 3)


def test_nothing_is_drawn_before_and_after_the_tube():
    frame = np.zeros((400, 400, 3), np.uint8)
    for number in (2, 7):
        assert draw_tubes(frame, number, [tube()], LABELS).max() == 0


def test_the_surest_tube_lies_on_top():
    frame = np.zeros((400, 400, 3), np.uint8)
    canvas = draw_tubes(frame, 3, [tube(0, 0.9), tube(1, 0.3)], LABELS)
    assert is_drawn(canvas, class_color(0), 60, 60)


def test_the_trail_shows_where_the_center_was():
    boxes = np.array([[10 * i, 100, 10 * i + 20, 140] for i in range(10)], np.float32)
    long = Tube(np.arange(1, 11), boxes, 0)
    canvas = draw_tubes(np.zeros((400, 400, 3), np.uint8), 10, [long], LABELS)
    assert is_drawn(canvas, class_color(0), 70, 120)  # the way there
    assert not is_drawn(canvas, class_color(0), 130, 120)


def test_a_label_at_the_upper_left_corner_stays_inside_the_picture():
    corner = Tube(np.array([1]), np.array([[0, 0, 30, 30]], np.float32), 0, 0.5)
    canvas = draw_tubes(np.zeros((400, 400, 3), np.uint8), 1, [corner], LABELS)
    assert is_drawn(canvas, class_color(0), 1, 1)


def test_the_classes_of_ucf101_24_have_colors_of_their_own():
    assert len({class_color(label) for label in range(24)}) == 24
