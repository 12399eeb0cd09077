"""Camera, clutter and posts of the synthetic videos."""

import numpy as np
import pytest

from stma_d2.data.datasets.synthetic_render import draw_background
from stma_d2.data.datasets.synthetic_scene import (
    Post,
    draw_clutter,
    draw_posts,
    draw_swing,
    paint_post,
)

STILL = np.zeros((50, 2))


def test_nothing_is_drawn_where_nothing_is_asked_for():
    rng = np.random.default_rng(0)
    assert not draw_swing(9, 0.0, rng).any()
    assert draw_clutter(0, STILL, 128, rng) == draw_posts(0, STILL, 128, rng) == []
    assert rng.random() == np.random.default_rng(0).random()


def test_swing_keeps_to_its_speed_and_returns():
    swings = [draw_swing(200, 0.8, np.random.default_rng(seed)) for seed in range(20)]
    speeds = [np.abs(np.diff(swing, axis=0)).max() for swing in swings]
    assert max(speeds) <= 0.8 and np.median(speeds) > 0.4
    # A sine of top speed v and period p reaches v p / 2 pi to either side.
    assert max(np.abs(swing).max() for swing in swings) <= 0.8 * 48 / (2 * np.pi)


def test_background_swings_with_the_camera():
    """The scene is the same, shifted to the right and down by whole pixels here."""
    swing = np.zeros((2, 2))
    swing[1] = (6, 4)
    still, shaken = (
        draw_background(64, path, np.random.default_rng(3)) for path in (0 * swing, swing)
    )
    assert still.shape == shaken.shape
    pan = np.abs(still[0].astype(int) - still[1]).mean()
    moved = np.abs(shaken[0, :-4, :-6].astype(int) - shaken[1, 4:, 6:]).mean()
    unmoved = np.abs(shaken[0].astype(int) - shaken[1]).mean()
    assert moved < 1.5 * pan < unmoved


def test_clutter_flies_straight_on_and_through_the_frame():
    things = [
        thing
        for seed in range(30)
        for thing in draw_clutter(6, STILL, 128, np.random.default_rng(seed))
    ]
    assert len(things) > 40
    for thing in things:
        steps = np.diff(thing.motion.centers_xy, axis=0)
        np.testing.assert_allclose(steps, np.tile(steps[:1], (len(steps), 1)))
        assert 0.6 <= np.hypot(*steps[0]) <= 2.4
        assert 7 <= thing.motion.sizes.min() and thing.motion.sizes.max() <= 12
        inside = (thing.motion.centers_xy > -3) & (thing.motion.centers_xy < 131)
        assert inside.all(axis=1).any()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_post_covers_its_width_and_nothing_else(axis):
    """From 10.5 to 14.5: three whole pixels and two halves."""
    post = Post(axis, np.array([12.5]), 4.0, np.array([200.0, 100.0, 0.0]))
    image = np.zeros((32, 32, 3), np.uint8)
    paint_post(image, post, 0)
    line = image[5] if axis == 0 else image[:, 5]
    lines = image if axis == 0 else image.swapaxes(0, 1)
    np.testing.assert_array_equal(lines, np.tile(line, (32, 1, 1)))
    assert np.flatnonzero(line.any(axis=1)).tolist() == [10, 11, 12, 13, 14]
    np.testing.assert_array_equal(line[12], [200, 100, 0])
    # The middle of pixel 11 lies half a radius from the axis: 0.5 + 0.5 sqrt(1 - 1/4) = 0.933.
    np.testing.assert_array_equal(line[[11, 13]], [[187, 93, 0]] * 2)
    # That of pixel 10 at the edge: 0.5, of which half the pixel shows.
    np.testing.assert_array_equal(line[[10, 14]], [[50, 25, 0]] * 2)


@pytest.mark.parametrize("middle", [-20.0, -1.0, 33.0, 90.0])
def test_a_post_may_leave_the_frame(middle):
    image = np.zeros((32, 32, 3), np.uint8)
    paint_post(image, Post(0, np.array([middle]), 6.0, np.full(3, 100.0)), 0)
    assert image.any() == (middle in (-1.0, 33.0))
