"""What a finished run must say, wherever it is read from."""

from __future__ import annotations

import copy

import pytest

from stma_d2.errors import InputError
from stma_d2.study.outcome import check_outcome


@pytest.fixture
def outcome(make_run):
    return make_run("K1", 3, {"run": 50})


def test_a_runs_own_outcome_is_good(outcome):
    check_outcome(outcome, "a.json")
    check_outcome({**outcome, "seed": None, "seconds": None}, "a.json")


def test_whatever_is_missing_is_named(outcome):
    for name in outcome.keys() - {"switches"}:
        without = {key: value for key, value in outcome.items() if key != name}
        with pytest.raises(InputError, match=rf"^a\.json: the run lacks '{name}'$"):
            check_outcome(without, "a.json")
    for name in outcome["evaluation"]:
        without = copy.deepcopy(outcome)
        del without["evaluation"][name]
        with pytest.raises(InputError, match=rf"the run K1, seed 3: its evaluation lacks '{name}'"):
            check_outcome(without, "a.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"row": "K9"}, "unknown row 'K9'"),
        ({"seed": "3"}, "has '3' as 'seed'"),
        ({"evaluation": [1]}, r"has '\[1\]' as 'evaluation'"),
        ({"video_mAP_over_iou": [[0.5]]}, r"has '\[0\.5\]', and no pair"),
    ],
)
def test_a_value_of_another_kind_is_named(outcome, change, words):
    with pytest.raises(InputError, match=words):
        check_outcome({**outcome, **change}, "a.json")
    with pytest.raises(InputError, match=r"a\.json: the run is '5', and no mapping"):
        check_outcome(5, "a.json")
