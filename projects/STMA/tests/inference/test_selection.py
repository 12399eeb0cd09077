"""Which tubes are shown."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.errors import InputError
from stma_d2.inference.selection import Selection
from stma_d2.structures import Tube

LABELS = ["run", "Jump high", "swim"]


def tubes(*pairs):
    return [Tube(np.array([1]), np.zeros((1, 4)), label, score) for label, score in pairs]


def test_tubes_of_wanted_classes_that_score_enough_are_kept():
    selection = Selection.from_options(LABELS, ["RUN", "1"], [("", 0.5), ("jump high", 0.2)])
    found = tubes((0, 0.5), (0, 0.4), (1, 0.3), (1, 0.1), (2, 0.9))
    assert selection.final(found) == [found[0], found[2]]
    assert selection.best_weak == 0.4, "a class that is not wanted does not count"
    assert selection.good(found) == [found[0], found[2]]


def test_all_classes_are_shown_where_none_is_named():
    selection = Selection.from_options(LABELS)
    found = tubes((0, 0.0), (2, 1.0))
    assert selection.final(found) == found and selection.best_weak is None


def test_a_label_that_is_a_number_is_a_label():
    assert Selection.from_options(["7", "0"], ["0"]).min_scores.tolist() == [np.inf, 0]


@pytest.mark.parametrize(
    ("classes", "scores", "message"),
    [
        (["fly"], [], r"no class is called 'fly'; there are run, Jump high, swim"),
        (["3"], [], "no class is called '3'"),
        ([], [("", 0.1), ("", 0.2)], "--min-score 0.1 0.2: one score for all classes"),
        ([], [("fly", 0.1)], "no class is called 'fly'"),
    ],
)
def test_what_is_not_there_or_not_clear_is_refused(classes, scores, message):
    with pytest.raises(InputError, match=message):
        Selection.from_options(LABELS, classes, scores)
