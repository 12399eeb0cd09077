from __future__ import annotations

import numpy as np
import pytest

from stma_d2.evaluation.matching import match_detections


def match(scores, overlaps, threshold=0.5, rematch=True):
    """One group."""
    scores, overlaps = np.array([scores], np.float32), np.array([overlaps])
    return match_detections(scores, overlaps, threshold, rematch)[0].tolist()


def test_the_better_score_takes_the_ground_truth_whatever_the_overlaps():
    assert match([0.4, 0.9], [[0.9], [0.5]]) == [False, True]
    assert match([0.9, 0.9], [[0.5], [0.9]]) == [True, False], "the first of equal scores"
    assert match([0.9, 0.4], [[0.49], [0.5]]) == [False, True], "0.5 is enough"


def test_a_second_detection_takes_the_neighbor_only_where_rematching_is_allowed():
    overlaps = [[0.9, 0.6], [0.9, 0.6], [0.9, 0.6]]
    assert match([0.9, 0.8, 0.7], overlaps) == [True, True, False]
    assert match([0.9, 0.8, 0.7], overlaps, rematch=False) == [True, False, False]


def test_what_does_not_belong_together_is_never_matched():
    assert match([0.9, 0.8], [[-1, -1], [-1, 0.7]]) == [False, True]


def test_groups_do_not_touch_each_other():
    scores, overlaps = np.array([[0.9, 0.8], [0.8, 0.9]]), np.full((2, 2, 1), 0.7)
    assert match_detections(scores, overlaps, 0.5, True).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("threshold", [0.2, 0.7])
def test_an_overlap_that_rounds_to_the_threshold_is_enough(threshold):
    """float32(0.7) is below 0.7: the threshold is rounded as the overlaps are."""
    assert match([0.9], np.array([[threshold]], np.float32), threshold) == [True]


@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 3, 0)])
def test_nothing_to_match(shape):
    found = match_detections(np.zeros(shape[:2]), np.zeros(shape), 0.5, True)
    assert found.shape == shape[:2] and not found.any()
