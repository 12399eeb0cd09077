"""What a finished run must say, wherever it is read from."""

from __future__ import annotations

import copy

import pytest

from stma_d2.errors import InputError
from stma_d2.study.outcome import check_comparable, check_outcome


@pytest.fixture
def outcome(make_run):
    return make_run("K1", 3, {"run": 50})


def test_a_runs_own_outcome_is_good(outcome):
    check_outcome(outcome, "a.json")
    check_outcome({**outcome, "seconds": None}, "a.json")


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
        ({"seed": "3"}, "seed is '3'; it must be a whole number"),
        ({"seed": None}, "seed is None"),
        ({"jobs": True}, "jobs is True"),
        ({"seconds": -1}, "seconds is -1; it must be at least 0, or null"),
        ({"learning_rate": float("nan")}, "learning_rate is not finite"),
        ({"evaluation": [1]}, "evaluation holds a list where a mapping"),
        ({"video_mAP_over_iou": [[0.5]]}, r"has '\[0\.5\]', and no pair"),
        ({"video_mAP_over_iou": [[1.5, 3.0]]}, r"has '\[1\.5, 3\.0\]', and no pair"),
        ({"video_mAP_over_iou": [[0.5, 130]]}, "video_mAP_over_iou is 130; it must be 0 to 100"),
    ],
)
def test_a_value_of_another_kind_is_named(outcome, change, words):
    with pytest.raises(InputError, match=words):
        check_outcome({**outcome, **change}, "a.json")
    with pytest.raises(InputError, match=r"a\.json: the run holds a int where a mapping"):
        check_outcome(5, "a.json")


@pytest.mark.parametrize("figure", [-1, 100.5, float("nan"), 10**30, True, None])
def test_a_figure_that_is_no_percentage_is_refused(outcome, figure):
    outcome["evaluation"]["metrics"]["AP/frame_mAP@0.5/run"] = figure
    with pytest.raises(
        InputError, match="run K1, seed 3: its evaluation: its metrics: AP/frame_mAP@0.5/run is"
    ):
        check_outcome(outcome, "a.json")


def test_rules_that_are_none_are_refused(outcome):
    outcome["evaluation"]["min_tube_length"] = -1
    with pytest.raises(InputError, match="seed 3: its evaluation: .*min_tube_length"):
        check_outcome(outcome, "a.json")


def test_runs_that_measured_other_things_are_not_compared(make_run):
    runs = [make_run("K1", seed, {"run": 50}) for seed in (1, 2, 3)]
    check_comparable(runs, "a.json")
    del runs[2]["evaluation"]["metrics"]["AP/frame_mAP@0.5/run"]
    with pytest.raises(InputError, match=r"a\.json: the run K1, seed 3 has other metrics"):
        check_comparable(runs, "a.json")
    runs[1]["video_mAP_over_iou"] = [[0.2, 1.0]]
    with pytest.raises(InputError, match=r"a\.json: the run K1, seed 2 has other overlaps"):
        check_comparable(runs, "a.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "the run K1, seed 1 is there twice"),
        ({"iterations": 24000}, "seed 2 has other iterations"),
        ({"batch": 3}, "seed 2 has other clips a batch"),
        ({"datasets": ["others"]}, "seed 2 has other data sets"),
        ({"annotations": {"some_train": "02"}}, "seed 2 has other data than"),
    ],
)
def test_no_mean_is_taken_of_what_is_not_alike(make_run, change, words):
    runs = [make_run("K1", 1, {"run": 50}, annotations={"some_train": "01"}) for _ in range(2)]
    runs[1] |= {"seed": 2, **change}
    with pytest.raises(InputError, match=rf"^a\.json: .*{words}"):
        check_comparable(runs, "a.json")


def test_runs_of_other_rules_are_not_compared(make_run):
    runs = [make_run("K1", seed, {"run": 50}) for seed in (1, 2)]
    runs[1]["evaluation"]["min_tubelet_score"] = 0.5
    with pytest.raises(InputError, match="seed 2 has other rules than the first run"):
        check_comparable(runs, "a.json")
