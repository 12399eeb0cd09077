"""By hand; boxes stand still, so a tube's overlap is that of its frames."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stma_d2.evaluation.video_quality import video_quality

BOX = (0, 0, 9, 9)
FAR = (50, 0, 59, 9)


def found(tube, score):
    return replace(tube, score=score)


def test_all_found_and_nothing_else_is_one(make):
    truth = [make.tube(1, 20, BOX), make.tube(1, 20, FAR, 1)]
    assert video_quality(truth, [found(tube, 0.5) for tube in truth]) == 1


def test_the_surest_tube_takes_the_truth_of_its_class(make):
    """Overlaps 10 / 20 (0.9) and 20 / 20 (0.8) with the one truth; the other class does not count.

    The first takes it: 0.5 over the mean of 1 true and 3 found tubes.
    """
    tubes = [
        found(make.tube(1, 20, BOX), 0.8),
        found(make.tube(1, 10, BOX), 0.9),
        found(make.tube(1, 20, BOX, 1), 0.95),
    ]
    assert video_quality([make.tube(1, 20, BOX)], tubes) == pytest.approx(0.5 / 2)


def test_what_does_not_overlap_takes_nothing(make):
    assert video_quality([make.tube(1, 20, BOX)], [found(make.tube(1, 20, FAR), 0.9)]) == 0
    assert video_quality([make.tube(1, 20, BOX)], []) == 0


def test_silence_where_nothing_acts_has_no_place_in_the_order(make):
    assert video_quality([], []) is None
    assert video_quality([], [found(make.tube(1, 20, BOX), 0.9)]) == 0
