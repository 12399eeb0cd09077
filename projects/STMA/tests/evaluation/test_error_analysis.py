from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stma_d2.evaluation import ERROR_KINDS, error_analysis
from stma_d2.evaluation.frame_map import ClassDetections, Outcome


def record(outcomes, num_boxes):
    scores = np.linspace(1, 0, len(outcomes), dtype=np.float32)
    return ClassDetections(scores, np.array(outcomes, np.int8), num_boxes)


def test_losses_by_hand():
    """Right, localization error, right, of 4 boxes.

    The error's share is 0, 0, 1/2, 1/3 at recall 0, 1/4, 1/4, 1/2: 1/4 * (1/2 + 1/3) / 2 = 5 / 48.
    """
    outcomes = [Outcome.CORRECT, Outcome.LOCALIZATION, Outcome.CORRECT]
    errors = error_analysis([record(outcomes, 4)], ["a"])["a"]
    assert errors["localization"] == pytest.approx(100 * 5 / 48)
    assert errors["missed"] == 50
    assert errors["classification"] == errors["timing"] == errors["other"] == 0


def test_classes_without_ground_truth_are_left_out():
    assert list(error_analysis([record([4], 0), record([], 2)], ["a", "b"])) == ["b"]


@given(outcomes=st.lists(st.sampled_from(list(Outcome)), max_size=30), missed=st.integers(0, 3))
def test_average_precision_and_losses_add_up(outcomes, missed):
    found = sum(outcome == Outcome.CORRECT for outcome in outcomes)
    one = record(outcomes, max(found + missed, 1))
    errors = error_analysis([one], ["a"])["a"]
    assert tuple(errors) == ERROR_KINDS
    total = 100 * one.average_precision("trapezoid") + sum(errors.values())
    assert total == pytest.approx(100)
