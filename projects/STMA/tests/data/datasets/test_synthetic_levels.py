"""The levels, and that each factor does what it says and leaves the rest alone."""

from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest

from stma_d2.data.datasets.synthetic_levels import LEVELS, Factors
from stma_d2.data.datasets.synthetic_plan import deal_labels, plan_video
from stma_d2.errors import InputError

EASY = LEVELS["easy"]
NUM_VIDEOS = 80


def plans(level, num_videos=NUM_VIDEOS, **factors):
    level = replace(level, factors=replace(level.factors, **factors))
    rng = np.random.default_rng(1)
    return [plan_video(hand, level, 128, rng) for hand in deal_labels(num_videos, level, rng)]


@pytest.fixture(scope="module")
def easy_plans():
    return plans(EASY)


def acting(plan):
    return [actor for actor in plan.actors if actor.label is not None]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("easy", {"short": 6, "long": 4}),
        ("middle", {"looks": 4, "short": 4, "long": 4}),
        ("hard", {"looks": 6, "short": 6, "long": 6}),
    ],
)
def test_classes_are_grouped(name, sizes):
    level = LEVELS[name]
    assert Counter(level.class_groups.values()) == sizes
    assert level.labels == tuple(level.class_groups)


def test_each_level_asks_for_no_less_than_the_one_before():
    easy, middle, hard = (level.factors for level in LEVELS.values())
    for one in fields(Factors):
        values = [getattr(level, one.name) for level in (easy, middle, hard)]
        falling = one.name in ("min_length", "untrimmed")
        assert values[0] >= values[1] if falling else values[0] <= values[1] <= values[2]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"overlap": 0.7}, "overlap is 0.7; .* number, at least 0 and at most 0.6"),
        ({"actors": 2.0}, "actors is 2.0; .* whole number"),
        ({"camera": "fast"}, "camera is 'fast'"),
        ({"min_length": 33}, "min_length is 33; it must be at most max_length, 32"),
    ],
)
def test_factors_out_of_range_are_refused(wrong, words):
    with pytest.raises(InputError, match=words):
        Factors(**wrong)


def test_easy_videos_have_no_difficulty(easy_plans):
    for plan in easy_plans:
        assert not plan.swing.any() and not plan.clutter and not plan.posts
        assert all(actor.costume is actor.look for actor in plan.actors)


def test_as_many_actors_as_asked_for():
    for most in (1, 4):
        counts = {len(acting(plan)) for plan in plans(LEVELS["middle"], actors=most)}
        assert counts == set(range(1, most + 1))


def test_a_share_of_the_videos_has_two_actors_of_one_class(easy_plans):
    def share(videos):
        labels = [[a.label for a in acting(plan)] for plan in videos]
        several = [one for one in labels if len(one) > 1]
        return np.mean([len(set(one)) < len(one) for one in several])

    assert share(easy_plans) == 0
    assert share(plans(EASY, same_class=1.0)) == 1
    assert 0.2 < share(plans(EASY, 200, same_class=0.3)) < 0.4


def test_lengths_span_what_was_asked_for():
    lengths = [a.length for plan in plans(LEVELS["middle"]) for a in acting(plan)]
    assert min(lengths) < 19 and max(lengths) > 36
    assert min(lengths) >= 16 and max(lengths) <= 40


@pytest.mark.parametrize("name", LEVELS)
def test_actions_may_be_as_long_as_the_factors_allow(name):
    for plan in plans(LEVELS[name], 6, min_length=120, max_length=120, actors=1):
        assert all(actor.length == 120 for actor in acting(plan))
        assert all(0 < actor.boxes.min() and actor.boxes.max() < 127 for actor in plan.actors)


def test_a_share_of_the_videos_is_untrimmed():
    def share(value):
        videos = plans(EASY, untrimmed=value)
        whole = [all(a.length == len(p.swing) for a in acting(p)) for p in videos]
        parts = [all(a.length <= len(p.swing) - 8 for a in acting(p)) for p in videos]
        assert np.all(np.array(whole) ^ parts)
        return np.mean(parts)

    assert (share(0.0), share(1.0)) == (0, 1)
    assert 0.35 < share(0.5) < 0.65


def covered(plan):
    """The greatest share of an actor's box that another's covers, in any frame."""
    shares = [0.0]
    for one in plan.actors:
        for other in plan.actors:
            if one is not other:
                low = np.maximum(one.boxes[:, :2], other.boxes[:, :2])
                high = np.minimum(one.boxes[:, 2:], other.boxes[:, 2:])
                area = np.prod(one.boxes[:, 2:] - one.boxes[:, :2], axis=1)
                shares.append((np.prod(np.clip(high - low, 0, None), axis=1) / area).max())
    return max(shares)


def test_actors_cover_each_other_as_far_as_allowed(easy_plans):
    assert max(covered(plan) for plan in easy_plans) == 0
    shares = [covered(plan) for plan in plans(EASY, overlap=0.3)]
    assert 0.2 < max(shares) <= 0.3


def test_a_swinging_camera_shifts_everything_and_leaves_the_actors_in_the_frame():
    steady, shaken = plans(EASY, 8), plans(EASY, 8, camera=1.0)
    assert all(np.abs(np.diff(plan.swing, axis=0)).max() <= 1.0 for plan in shaken)
    assert max(np.abs(np.diff(plan.swing, axis=0)).max() for plan in shaken) > 0.5
    assert len(steady) == len(shaken)
    for plan in shaken:
        for actor in plan.actors:
            assert actor.boxes.min() >= 2 and actor.boxes.max() <= 125
            if actor.label is None:  # it drifts by itself, steadily
                rest = np.diff(actor.motion.centers_xy - plan.swing, axis=0)
                np.testing.assert_allclose(rest, np.tile(rest[:1], (len(rest), 1)), atol=1e-9)


def test_clutter_and_posts_up_to_the_number_asked_for():
    videos = plans(EASY, clutter=5, occluders=2)
    assert {len(plan.clutter) for plan in videos} == set(range(6))
    assert {len(plan.posts) for plan in videos} == {0, 1, 2}


def test_a_marking_is_borne_during_the_action_alone():
    level = LEVELS["middle"]
    for plan in plans(level, untrimmed=1.0):
        for actor in acting(plan):
            marking = level.labels[actor.label]
            expected = marking if level.class_groups[marking] == "looks" else None
            last = actor.start + actor.length - 1
            during = {actor.look_at(time).marking for time in (actor.start, last)}
            outside = {actor.look_at(time).marking for time in (actor.start - 1, last + 1)}
            assert during == {expected} and outside == {None}


def test_actors_of_looks_move_as_any_other_or_not_at_all():
    """Their motions would tell nothing: all of the level's occur."""
    level, kinds = LEVELS["middle"], set()
    for plan in plans(level, 300, untrimmed=1.0):
        for actor in acting(plan):
            if level.class_groups[level.labels[actor.label]] == "looks":
                time = slice(actor.start, actor.start + actor.length)
                steps = np.diff((actor.motion.centers_xy - plan.swing)[time], axis=0)
                x, y = np.round(steps - steps.mean(axis=0), 6).any(axis=0)
                sizes = np.ptp(actor.motion.sizes) > 1
                kinds.add((bool(x), bool(y), bool(sizes)))
    # Along diagonals; up and down; of changing size; straight on or idle.
    assert kinds >= {(True, True, False), (False, True, False), (False, False, True)}
    assert (False, False, False) in kinds
