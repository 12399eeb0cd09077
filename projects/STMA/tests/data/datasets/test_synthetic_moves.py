"""The groups of the classes, from all the ways in which each action can run.

A way is a place in the cycle to begin at, a quarter turn and a side; all are equally likely.
"""

from collections import Counter
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from stma_d2.data.datasets.synthetic_moves import (
    LONG,
    PATTERNS,
    SHORT,
    draw_pattern_motion,
    unroll,
)

SHORT_PAIRS = [(SHORT[i], SHORT[i + 1]) for i in range(0, len(SHORT), 2)]
LONG_PAIRS = [(LONG[i], LONG[i + 1]) for i in range(0, len(LONG), 2)]


def shares(label, num_frames):
    """How often each piece of ``num_frames`` occurs, of all ways in which the action can run.

    What is seen of a size is its value in each frame; of a motion, since where it began is any
    place and angle, the steps between the frames.
    """
    pattern = PATTERNS[label]
    length = num_frames - (pattern.quantity != "size")
    ways = list(product(range(len(pattern.cycle)), range(4), (-1, 1)))
    pieces = Counter(
        tuple(np.round(unroll(pattern, *way, length), 6).ravel() + 0.0) for way in ways
    )
    return {piece: Fraction(count, len(ways)) for piece, count in pieces.items()}


@pytest.mark.parametrize("pair", LONG_PAIRS)
@pytest.mark.parametrize("num_frames", range(1, 6))
def test_five_frames_of_a_long_action_are_as_frequent_in_its_partner(pair, num_frames):
    first, second = (shares(label, num_frames) for label in pair)
    assert first == second
    assert sum(first.values()) == 1 and (num_frames < 5 or len(first) > 4)


@pytest.mark.parametrize("pair", LONG_PAIRS)
def test_any_sixteen_frames_decide_a_long_action(pair):
    first, second = (shares(label, 16) for label in pair)
    assert not set(first) & set(second)


@pytest.mark.parametrize("pair", SHORT_PAIRS)
def test_one_frame_does_not_decide_a_short_action_and_any_two_steps_do(pair):
    first, second = (shares(label, 1) for label in pair)
    assert first == second
    first, second = (shares(label, 3) for label in pair)
    assert not set(first) & set(second)


def test_actions_of_different_pairs_are_told_by_one_step():
    """But for rocking, which is turning to one side or the other."""
    steps = {label: set(shares(label, 2)) for label in PATTERNS}
    for pair, others in product(SHORT_PAIRS + LONG_PAIRS, repeat=2):
        quantities = {PATTERNS[label].quantity for label in pair + others}
        if pair != others and len(quantities) == 2:
            assert not (steps[pair[0]] | steps[pair[1]]) & (steps[others[0]] | steps[others[1]])


NUM_FRAMES, START, LENGTH = 60, 8, 40


def draw(label, seed, image_size=128):
    rng = np.random.default_rng(seed)
    return draw_pattern_motion(label, NUM_FRAMES, START, LENGTH, image_size, rng)


def steps_of(motion):
    """Change over each step: (V - 1, 4), of x, y, size and angle."""
    state = [motion.centers_xy, motion.sizes, motion.angles]
    return np.diff(np.column_stack(state), axis=0)


@pytest.mark.parametrize("label", [None, *PATTERNS])
@pytest.mark.parametrize("seed", range(3))
def test_actors_only_drift_outside_their_action_and_move_in_every_step_of_it(label, seed):
    steps = steps_of(draw(label, seed))
    drift = steps[0, :2]
    steps[:, :2] -= drift
    assert np.abs(drift).max() <= 0.12
    idle = np.concatenate([steps[:START], steps[START + LENGTH - 1 :]])
    np.testing.assert_allclose(idle, 0, atol=1e-9)
    acting = np.abs(steps[START : START + LENGTH - 1]).max(axis=1)
    assert acting.min() > 0.8 if label else acting.max() < 1e-9


@pytest.mark.parametrize("label", ["move_left", "zigzag", "sway", "advance", "turn_clockwise"])
def test_motion_is_the_pattern_at_the_actors_own_speed(label):
    """Whatever was drawn, the steps are those of one way of the pattern, times one factor."""
    steps = steps_of(draw(label, 5))
    steps = (steps - steps[0])[START : START + LENGTH - 1][:, [0, 1, 3]]
    speed = np.linalg.norm(steps, axis=1)
    np.testing.assert_allclose(speed, speed[0])
    ways = product(range(len(PATTERNS[label].cycle)), range(4), (-1, 1))
    expected = [unroll(PATTERNS[label], *way, LENGTH - 1) for way in ways]
    assert min(np.abs(steps / speed[0] - one).max() for one in expected) < 1e-9


def test_sizes_say_nothing_about_the_action():
    """In one frame, an actor that swells is as large as one that stays as it is."""
    swelling = np.concatenate([draw("swell", s).sizes[START : START + LENGTH] for s in range(400)])
    others = np.array([draw("sway", s).sizes[0] for s in range(400, 2000)])
    quantiles = np.linspace(0.1, 0.9, 9)
    np.testing.assert_allclose(
        np.quantile(swelling, quantiles), np.quantile(others, quantiles), atol=1.5
    )


def test_lengths_scale_with_the_frame():
    for label in ("swell", "circuit"):
        small, large = draw(label, 3, image_size=64), draw(label, 3, image_size=128)
        np.testing.assert_allclose(2 * small.centers_xy, large.centers_xy)
        np.testing.assert_allclose(2 * small.sizes, large.sizes)
