"""What the motions of the synthetic actions are, and over how many frames they can be told."""

import numpy as np
import pytest

from stma_d2.data.datasets.synthetic_motion import LABELS, draw_motion

NUM_FRAMES, START, LENGTH = 48, 8, 30
ACTIVE = slice(START, START + LENGTH)


def _draw(label, seed, image_size=128):
    rng = np.random.default_rng(seed)
    return draw_motion(label, NUM_FRAMES, START, LENGTH, image_size, rng)


def _steps(motion):
    """Change over each step: (V - 1, 4), of x, y, size and angle."""
    state = [motion.centers_xy, motion.sizes, motion.angles]
    return np.diff(np.column_stack(state), axis=0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("label", [None, *LABELS])
def test_actors_only_drift_before_and_after_their_action(label, seed):
    steps = _steps(_draw(label, seed))
    idle = np.concatenate([steps[:START], steps[START + LENGTH - 1 :]])
    assert np.abs(idle[:, :2]).max() <= 0.12
    np.testing.assert_allclose(idle[:, 2:], 0, atol=1e-9)


# Column of _steps, least and greatest change in every step of the action. A drift of 0.12 comes on
# top of the speed; sizes grow from 24..28 to 50..56 in 29 steps.
SHORT_ACTIONS = {
    "move_left": (0, -3.32, -1.78),
    "move_right": (0, 1.78, 3.32),
    "grow": (2, 22 / 29, 32 / 29),
    "shrink": (2, -32 / 29, -22 / 29),
    "rotate_clockwise": (3, 18, 22),
    "rotate_counter_clockwise": (3, -22, -18),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("label", SHORT_ACTIONS)
def test_short_actions_move_steadily_in_one_quantity(label, seed):
    column, least, greatest = SHORT_ACTIONS[label]
    steps = _steps(_draw(label, seed))[START : START + LENGTH - 1]
    assert least <= steps[:, column].min() and steps[:, column].max() <= greatest
    others = np.delete(steps, column, axis=1)
    np.testing.assert_allclose(others[:, 2:], 0, atol=1e-9)
    assert np.abs(others[:, :1]).max() <= 0.12


def test_lengths_scale_with_the_frame():
    small, large = _draw("move_left", 3, image_size=64), _draw("move_left", 3, image_size=128)
    np.testing.assert_allclose(2 * small.centers_xy, large.centers_xy)
    np.testing.assert_allclose(2 * small.sizes, large.sizes)


def test_label_does_not_change_what_else_is_drawn():
    motions = {label: _draw(label, 4) for label in LABELS}
    reference = motions.pop("move_left")
    for label, motion in motions.items():
        if label not in ("grow", "shrink"):
            assert motion.sizes[0] == reference.sizes[0]
        assert motion.angles[0] == reference.angles[0]
        np.testing.assert_array_equal(motion.centers_xy[1], reference.centers_xy[1])


def test_growing_actors_are_on_average_as_large_as_others():
    growing = np.mean([_draw("grow", seed).sizes[ACTIVE] for seed in range(200)])
    idle = np.mean([_draw(None, seed).sizes for seed in range(200, 400)])
    assert abs(growing - idle) < 2


def _pieces(label, num_frames, seeds):
    """Pieces of the action of ``num_frames``: steps in units of the actor's own speed."""
    pieces = []
    for seed in seeds:
        steps = _steps(_draw(label, seed))
        column = 0 if "sway" in label else 1
        steps = steps[:, column] - steps[0, column]  # less the drift
        steps = steps[START : START + LENGTH - 1] / np.abs(steps).max()
        pieces.append(np.lib.stride_tricks.sliding_window_view(steps, num_frames - 1))
    return np.concatenate(pieces)


def _distances(pieces, others):
    """Largest difference of a step, from each piece to the nearest of the others."""
    return np.array([np.abs(others - piece).max(axis=1).min() for piece in pieces])


LONG_PAIRS = [("to_and_fro_vertical", "straight_vertical"), ("slow_sway", "fast_sway")]


@pytest.mark.parametrize("pair", LONG_PAIRS)
def test_sixteen_frames_separate_the_long_actions(pair):
    first, second = (_pieces(label, 16, range(60)) for label in pair)
    assert _distances(first, second).min() > 1


def test_five_frames_do_not_separate_the_rhythms():
    slow, fast = (_pieces(label, 5, range(200)) for label in ("slow_sway", "fast_sway"))
    assert _distances(slow[::23], fast).max() < 0.1
    assert _distances(fast[::23], slow).max() < 0.1


def test_five_frames_seldom_separate_to_and_fro_from_straight_on():
    to_and_fro, straight = (
        _pieces(label, 5, range(100)) for label in ("to_and_fro_vertical", "straight_vertical")
    )
    assert _distances(straight[::23], to_and_fro).max() < 1e-6
    # A leg of 10 or 11 steps holds 4 steps without a turn at 6 of 10 or 7 of 11 places.
    alike = np.mean(_distances(to_and_fro, straight) < 1e-6)
    assert 0.55 < alike < 0.7


@pytest.mark.parametrize("pair", LONG_PAIRS)
def test_long_actions_of_a_pair_have_the_same_speeds(pair):
    column = 0 if "sway" in pair[0] else 1
    for seed in range(20):
        steps = [_steps(_draw(label, seed))[:, column] for label in pair]
        first, second = (np.abs(s - s[0]).max() for s in steps)  # less the drift
        assert first == pytest.approx(second)


def test_unknown_action_is_refused():
    with pytest.raises(ValueError, match="unknown action 'fly'"):
        _draw("fly", 0)
