"""Boxes fit what is drawn, and every turn can be seen."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from stma_d2.data.datasets import synthetic_render
from stma_d2.data.datasets.synthetic_motion import Motion
from stma_d2.data.datasets.synthetic_render import (
    MARKINGS,
    SHAPES,
    actor_boxes,
    draw_background,
    draw_look,
    draw_sprite,
    shape_outline,
)


def _look(shape=None):
    """A look, the first drawn with this shape."""
    for seed in range(1000):
        look = draw_look(np.random.default_rng(seed))
        if shape in (None, look.shape):
            return look
    raise AssertionError("no such look")


def _drawn(background, look, motion):
    """The background with the actor of a single frame."""
    image = background.copy()
    draw_sprite(image, look, motion, actor_boxes(look, motion)[0], 0)
    return image


def _still(center_xy, size, angle):
    return Motion(np.array([center_xy]), np.array([size]), np.array([angle]))


@pytest.mark.parametrize("shape", SHAPES)
def test_largest_extent_of_every_shape_is_one(shape):
    angles = np.radians(np.arange(0, 180, 0.25))
    directions = np.stack([np.cos(angles), np.sin(angles)])
    extents = np.ptp(shape_outline(shape) @ directions, axis=0)
    assert extents.max() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("angle", [0.0, 33.0, 200.0])
def test_boxes_fit_the_drawn_pixels(shape, angle):
    look, motion = _look(shape), _still((61.3, 57.8), 45.0, angle)
    background = np.full((128, 128, 3), 255, np.uint8)
    drawn = _drawn(background, look, motion)
    rows, columns = np.nonzero((background != drawn).any(axis=2))
    extent = [columns.min(), rows.min(), columns.max(), rows.max()]
    # Sharp corners fade over a pixel or two.
    np.testing.assert_allclose(actor_boxes(look, motion)[0], extent, atol=1.6)


def test_box_of_an_upright_disc_is_its_diameter():
    look = _look("disc")
    box = actor_boxes(look, _still((30.0, 40.0), 20.0, 0.0))[0]
    # The disc extends over 20 .. 40 and 30 .. 50: pixels 20 to 39 and 30 to 49.
    np.testing.assert_allclose(box, [20, 30, 39, 49], atol=0.05)


def test_positive_angles_turn_clockwise_on_the_screen_and_show():
    look = _look("disc")
    background = np.full((64, 64, 3), 100, np.uint8)
    upright, turned = (
        _drawn(background, look, _still((32.0, 32.0), 40.0, angle)).astype(int)
        for angle in (0.0, 90.0)
    )
    clockwise = np.abs(np.rot90(upright, k=-1) - turned).mean()
    assert clockwise < 0.5
    assert np.abs(np.rot90(upright, k=1) - turned).mean() > 10 * max(clockwise, 0.1)


@pytest.mark.parametrize("seed", range(4))
def test_background_is_textured_and_pans_steadily(seed):
    frames = draw_background(128, np.zeros((21, 2)), np.random.default_rng(seed))
    assert frames.shape == (21, 128, 128, 3)
    assert frames.std(axis=(1, 2)).min() > 5
    shifts = []
    for first, second in ((0, 10), (10, 20)):
        match = cv2.matchTemplate(frames[second], frames[first][32:96, 32:96], cv2.TM_CCOEFF_NORMED)
        shifts.append(np.array(cv2.minMaxLoc(match)[3]) - 32)
    assert 1 <= np.hypot(*shifts[0]) <= 7
    assert np.abs(shifts[0] - shifts[1]).max() <= 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("angle", [0.0, 33.0])
def test_sprites_are_whole_inside_their_boxes(shape, angle):
    """Nothing is missing that a larger picture of the same actor would show."""
    look, motion = _look(shape), _still((40.2, 38.7), 45.0, angle)
    drawn = _drawn(np.full((80, 80, 3), 200, np.uint8), look, motion).astype(int)
    large = _still(motion.centers_xy[0] * 4, 180.0, angle)
    large = _drawn(np.full((320, 320, 3), 200, np.uint8), look, large)
    expected = cv2.resize(large, (80, 80), interpolation=cv2.INTER_AREA)
    assert np.abs(drawn - expected).mean() < 0.5


def _dark(look):
    """Which pixels of a look's body are dark, (side, side) bool; and which are body."""
    body = look.patch[..., 3] == 255
    return body & (look.patch[..., :3].max(axis=-1) < 60), body


@pytest.mark.parametrize("shape", SHAPES)
def test_markings_show_on_every_shape_and_differ(shape):
    plain = _look(shape)
    looks = [replace(plain, marking=marking) for marking in MARKINGS]
    (mark, body), *others = (_dark(look) for look in (plain, *looks))
    darks = [mark]
    for dark, same_body in others:
        np.testing.assert_array_equal(same_body, body)
        assert 0.1 < dark.sum() / body.sum() < 0.75
        assert min((dark ^ other).sum() for other in darks) > 0.15 * body.sum()
        darks.append(dark)


def test_nothing_is_drawn_of_a_sprite_outside_the_image():
    look = _look("disc")
    background = np.full((64, 64, 3), 100, np.uint8)
    for center in ((-40.0, 30.0), (30.0, 120.0), (-16.0, -16.0)):
        np.testing.assert_array_equal(
            _drawn(background, look, _still(center, 20.0, 0.0)), background
        )
    half = _drawn(background, look, _still((0.0, 32.0), 20.0, 0.0))
    rows, columns = np.nonzero((half != background).any(axis=2))
    assert (columns.min(), columns.max()) == (0, 9) and (rows.min(), rows.max()) == (22, 41)


def test_sprites_are_the_only_change_of_the_image():
    look, motion = _look("star"), _still((40.0, 30.0), 30.0, 10.0)
    background = draw_background(96, np.zeros((1, 2)), np.random.default_rng(0))[0]
    drawn = _drawn(background, look, motion)
    x1, y1, x2, y2 = actor_boxes(look, motion)[0].round().astype(int)
    outside = np.ones((96, 96), bool)
    outside[y1 - 1 : y2 + 2, x1 - 1 : x2 + 2] = False
    np.testing.assert_array_equal(drawn[outside], background[outside])
    assert (drawn[~outside] != background[~outside]).any()
    assert synthetic_render.PATCH_SPAN > 2 * np.linalg.norm(look.outline_xy, axis=1).max()
