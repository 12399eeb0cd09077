from __future__ import annotations

import numpy as np
import pytest

from stma_d2.linking import nms


def run(scores, overlaps, threshold, soft):
    """One group, one class."""
    size = len(scores)
    matrix = np.eye(size, dtype=np.float32)
    for (i, j), value in overlaps.items():
        matrix[i, j] = matrix[j, i] = value
    new, kept = nms(
        np.array(scores, np.float32).reshape(1, 1, size), matrix[None], threshold, soft=soft
    )
    return new[0, 0], kept[0, 0].tolist()


def test_soft_suppression_multiplies_once_and_removes_nothing():
    """1 overlaps the pivot 0; 2 overlaps only 1, which being suppressed suppresses nothing."""
    scores, kept = run([0.9, 0.8, 0.7], {(0, 1): 0.75, (1, 2): 0.75}, 0.6, soft=True)
    assert scores == pytest.approx([0.9, 0.2, 0.7])
    assert kept == [True, True, True]


def test_suppressed_is_not_suppressed_again_by_a_later_pivot():
    """2 overlaps both pivots, 0 (0.9) and 1 (0.8); only the better counts."""
    scores, _ = run([0.9, 0.8, 0.7], {(0, 2): 0.75, (1, 2): 0.9}, 0.6, soft=True)
    assert scores == pytest.approx([0.9, 0.8, 0.175])


def test_hard_suppression_removes():
    scores, kept = run([0.7, 0.9, 0.8], {(1, 2): 0.5, (0, 2): 0.5}, 0.3, soft=False)
    assert kept == [True, True, False]
    assert scores == pytest.approx([0.7, 0.9, 0])


def test_overlap_at_the_threshold_is_left_alone():
    assert run([0.9, 0.8], {(0, 1): 0.5}, 0.5, soft=False)[1] == [True, True]


def test_summed_overlap_gives_negative_scores():
    scores, kept = run([0.9, 0.8], {(0, 1): 4.0}, 3.0, soft=True)
    assert scores == pytest.approx([0.9, -2.4])
    assert kept == [True, True]


def test_of_equal_scores_the_first_suppresses():
    assert run([0.5, 0.5, 0.5], {(0, 2): 0.9}, 0.6, soft=False)[1] == [True, True, False]


def test_scores_of_zero_take_no_part():
    scores, kept = run([0, 0.8, 0.7], {(0, 1): 0.9, (0, 2): 0.9}, 0.6, soft=True)
    assert scores == pytest.approx([0, 0.8, 0.7])
    assert kept == [False, True, True]


def test_groups_and_classes_do_not_touch_each_other():
    """Two groups of the same scores, but only in the second the members overlap."""
    scores = np.array([[[0.9, 0.8], [0.3, 0.6]]] * 2, np.float32)
    overlaps = np.zeros((2, 2, 2), np.float32)
    overlaps[1] = 0.75
    new, _ = nms(scores, overlaps, 0.6, soft=True)
    np.testing.assert_array_equal(new[0], scores[0])
    np.testing.assert_allclose(new[1], [[0.9, 0.2], [0.075, 0.6]], rtol=1e-6)
    assert scores[1, 0, 1] == np.float32(0.8), "the input is not changed"


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 2, 0)])
def test_nothing_to_suppress(shape):
    scores = np.zeros(shape, np.float32)
    new, kept = nms(scores, np.zeros((shape[0], shape[2], shape[2])), 0.5, soft=True)
    assert new.shape == kept.shape == shape
