"""Drawn tubes."""

from __future__ import annotations

import numpy as np
import pytest

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


def patches(canvas, color):
    """Rows of the leftmost label patch of a color: those where it fills more than 12 pixels."""
    exact = (canvas == np.array(color, np.uint8)).all(axis=-1)
    return np.flatnonzero(exact.sum(axis=1) > 12)


def still(label, score, box, size):
    return Tube(np.array([1]), np.array([box], np.float32) * size, label, score)


@pytest.mark.parametrize("size", [(240, 320), (1080, 1920), (2160, 3840), (1920, 1080), (64, 64)])
def test_labels_of_one_actor_stack_and_stay_inside(size):
    """Wherever the actor is, each label has rows of its own."""
    height, width = size
    for box in ([0.4, 0.5, 0.6, 0.9], [0, 0, 0.3, 0.3], [0.8, 0.01, 1, 0.4], [0.5, 0.9, 0.9, 1]):
        scale = np.array([width, height] * 2, np.float32)
        tubes = [still(label, 0.9 - label / 10, box, scale) for label in range(2)]
        canvas = draw_tubes(np.zeros((*size, 3), np.uint8), 1, tubes, LABELS)
        rows = [patches(canvas, class_color(label)) for label in range(2)]
        text_height = max(min(canvas.shape[:2]) / 36, 15)
        for label in range(2):
            # Box sides are lines of some rows; a label has more rows than its text.
            assert len(rows[label]) >= text_height


@pytest.mark.parametrize(
    ("size", "at_least"), [((240, 320), 15), ((1080, 1920), 28), ((2160, 3840), 56)]
)
def test_text_and_lines_grow_with_the_frame(size, at_least):
    height, width = size
    scale = np.array([width, height] * 2, np.float32)
    label, box = still(0, 0.9, [0.3, 0.5, 0.7, 0.9], scale), np.array([0.3, 0.5, 0.7, 0.9]) * scale
    canvas = draw_tubes(np.zeros((*size, 3), np.uint8), 1, [label], LABELS)
    factor = canvas.shape[0] // height
    exact = np.abs(canvas.astype(int) - class_color(0)).max(axis=-1) < 40
    middle = int((box[0] + box[2]) / 2 * factor)
    bottom = exact[int(0.7 * canvas.shape[0]) :, middle].sum()
    assert bottom >= 0.9 * min(canvas.shape[:2]) / 270  # of the line at the box's lower side
    above = exact[: int(box[1] * factor), int(box[0] * factor) + 1].sum()
    assert at_least <= above <= 2 * at_least  # the label's patch


def test_colors_by_actor_tell_tubes_of_a_class_apart_and_their_numbers_are_written():
    tubes = [still(0, 0.9, [0.1, 0.5, 0.3, 0.9], 400), still(0, 0.8, [0.6, 0.5, 0.8, 0.9], 400)]
    frame = np.zeros((400, 400, 3), np.uint8)
    by_class = draw_tubes(frame, 1, tubes, LABELS)
    by_actor = draw_tubes(frame, 1, tubes, LABELS, [7, 8], "actor")
    for x, number in ((80, 7), (280, 8)):
        assert is_drawn(by_class, class_color(0), x, 360)
        assert is_drawn(by_actor, class_color(number), x, 360)
    numbered = draw_tubes(frame, 1, tubes, LABELS, [7, 8])
    widths = [
        (picture[:, :200] == np.array(class_color(0), np.uint8)).all(-1).any(axis=0).sum()
        for picture in (by_class, numbered)
    ]
    assert widths[1] > widths[0], "'#7 ' comes before the label"


def test_a_label_wider_than_the_picture_is_cut():
    canvas = draw_tubes(
        np.zeros((360, 100, 3), np.uint8), 1, [still(0, 1, [0.2, 0.5, 0.9, 0.9], 100)], ["run" * 99]
    )
    assert canvas.shape[0] >= 360 and is_drawn(
        canvas, class_color(0), 1, patches(canvas, class_color(0))[0]
    )
