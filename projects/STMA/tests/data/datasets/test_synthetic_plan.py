"""The cast of a video: who acts, when, where, and that looks say nothing about it."""

from collections import Counter

import numpy as np
import pytest

from stma_d2.data.datasets.synthetic_levels import LEVELS
from stma_d2.data.datasets.synthetic_plan import deal_labels, plan_video
from stma_d2.data.datasets.synthetic_render import SHAPES
from stma_d2.errors import InputError

IMAGE_SIZE = 128
EASY = LEVELS["easy"]
LABELS = EASY.labels


@pytest.fixture(scope="module")
def videos():
    rng = np.random.default_rng(7)
    hands = deal_labels(100, EASY, rng)
    return [plan_video(labels, EASY, IMAGE_SIZE, rng).actors for labels in hands]


@pytest.mark.parametrize("num_videos", [1, 7, 32, 96])
def test_actions_are_equally_frequent_and_differ_within_a_video(num_videos):
    hands = deal_labels(num_videos, EASY, np.random.default_rng(0))
    assert [len(hand) for hand in hands[:4]] == [1, 2, 3, 2][:num_videos]
    assert all(len(set(hand)) == len(hand) for hand in hands)
    counts = Counter(label for hand in hands for label in hand)
    frequencies = [counts[label] for label in range(len(LABELS))]
    assert max(frequencies) - min(frequencies) <= 1


def test_actions_start_and_end_inside_the_video_and_overlap(videos):
    for actors in videos:
        num_frames = len(actors[0].boxes)
        acting = [actor for actor in actors if actor.label is not None]
        assert all(len(actor.boxes) == num_frames for actor in actors)
        assert all(actor.start >= 4 for actor in acting)
        assert all(actor.start + actor.length + 4 <= num_frames for actor in acting)
        assert max(a.start for a in acting) < min(a.start + a.length for a in acting)
    shares = [a.length / len(a.boxes) for actors in videos for a in actors if a.label is not None]
    assert 0.55 < min(shares) and max(shares) < 0.85


def test_videos_show_two_or_three_sprites_and_often_idle_ones_too(videos):
    idle = [sum(actor.label is None for actor in actors) for actors in videos]
    assert all(2 <= len(actors) <= 3 for actors in videos)
    assert np.mean(np.array(idle) > 0) > 0.4
    assert all(n > 0 for n, actors in zip(idle, videos, strict=True) if len(actors) - n == 1)


def test_actors_stay_inside_the_frame_and_clear_of_each_other(videos):
    for actors in videos:
        for index, actor in enumerate(actors):
            assert actor.boxes.min() >= 2
            assert actor.boxes.max() <= IMAGE_SIZE - 1 - 2
            for other in actors[:index]:
                corner = np.maximum(actor.boxes[:, :2], other.boxes[:, :2])
                opposite = np.minimum(actor.boxes[:, 2:], other.boxes[:, 2:])
                # In every frame there is a strip between the two, in x or in y.
                assert ((corner - opposite) > 2).any(axis=1).all()


def _chi_square(rows, columns):
    """Pearson's statistic of independence and its degrees of freedom."""
    table = np.zeros((max(rows) + 1, max(columns) + 1))
    np.add.at(table, (rows, columns), 1)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return ((table - expected) ** 2 / expected).sum(), (table.shape[0] - 1) * (table.shape[1] - 1)


def test_looks_are_independent_of_the_action(videos):
    actors = [actor for video in videos for actor in video]
    labels = [len(LABELS) if actor.label is None else actor.label for actor in actors]
    sizes = [actor.motion.sizes.mean() for actor in actors]
    looks = {
        "shape": [SHAPES.index(actor.look.shape) for actor in actors],
        "strongest color": [int(actor.look.colors[0].argmax()) for actor in actors],
        "lighter color": [int(actor.look.colors.max(axis=1)[0] > 120) for actor in actors],
    }
    for name, values in looks.items():
        statistic, freedom = _chi_square(labels, values)
        # Under independence: mean = freedom, variance = 2 freedom.
        assert statistic < freedom + 3.5 * np.sqrt(2 * freedom), name
    # A label that did tell would be seen.
    statistic, freedom = _chi_square(labels, [label % 8 for label in labels])
    assert statistic > 10 * freedom
    acting = np.array(labels) < len(LABELS)
    assert np.mean(np.array(sizes)[acting]) == pytest.approx(
        np.mean(np.array(sizes)[~acting]), abs=3
    )


def test_too_many_large_actors_end_in_an_error(monkeypatch):
    monkeypatch.setattr("stma_d2.data.datasets.synthetic_plan._place", lambda *args: None)
    monkeypatch.setattr("stma_d2.data.datasets.synthetic_plan._draw_actor", lambda *args: None)
    with pytest.raises(InputError, match="no room was found for actors that grow in .*overlap"):
        plan_video([LABELS.index("grow")], EASY, IMAGE_SIZE, np.random.default_rng(0))
