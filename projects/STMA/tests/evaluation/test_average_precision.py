from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stma_d2.evaluation.average_precision import (
    average_precision,
    precision_recall,
    share_and_recall,
)

RULES = ("trapezoid", "envelope")


def ap(correct, num_positives, rule="trapezoid"):
    return average_precision(*precision_recall(np.array(correct, bool), num_positives), rule)


def test_precision_and_recall_begin_at_one_and_zero():
    precision, recall = precision_recall(np.array([True, False, True]), 4)
    assert precision.tolist() == pytest.approx([1, 1, 0.5, 2 / 3])
    assert recall.tolist() == [0, 0.25, 0.25, 0.5]


def test_area_by_hand():
    """Right, wrong, right of 2: precision 1, 1, 1/2, 2/3 at recall 0, 1/2, 1/2, 1.

    Trapezoid: 1/2 * 1 + 1/2 * (1/2 + 2/3) / 2 = 0.7917; envelope: 1/2 * 1 + 1/2 * 2/3 = 0.8333.
    """
    assert ap([1, 0, 1], 2) == pytest.approx(0.5 + 7 / 24)
    assert ap([1, 0, 1], 2, "envelope") == pytest.approx(0.5 + 1 / 3)


def test_wrong_first_costs_more_under_the_trapezoid():
    """Wrong, right of 1: trapezoid (0 + 1/2) / 2, envelope 1/2."""
    assert ap([0, 1], 1) == 0.25
    assert ap([0, 1], 1, "envelope") == 0.5


@pytest.mark.parametrize("rule", RULES)
def test_extremes(rule):
    assert ap([], 3, rule) == 0
    assert ap([0, 0], 3, rule) == 0
    assert ap([1, 1, 1], 3, rule) == 1


@given(correct=st.lists(st.booleans(), max_size=30), members=st.integers(0, 2**30 - 1))
def test_share_at_correct_detections(correct, members):
    """Against a loop; the points in between are left out."""
    among = [bool(members >> i & 1) for i in range(len(correct))]
    share, recall = [], []
    for place in np.flatnonzero(correct).tolist():
        for rank in (place, place + 1):
            share.append(sum(among[:rank]) / rank if rank else 0.25)
            recall.append(sum(correct[:rank]) / 40)
    flags = np.array(among, bool), np.array(correct, bool)
    got = share_and_recall(*flags, num_positives=40, share_of_none=0.25)
    assert got[0].tolist() == share and got[1].tolist() == recall


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None)
@given(correct=st.lists(st.booleans(), max_size=30), place=st.integers(0, 30))
def test_another_false_positive_never_helps(rule, correct, place):
    positives = max(sum(correct), 1)
    before = ap(correct, positives, rule)
    after = ap([*correct[:place], False, *correct[place:]], positives, rule)
    assert 0 <= after <= before + 1e-12 <= 1 + 2e-12
    assert ap([*correct, False], positives, rule) == pytest.approx(before)
