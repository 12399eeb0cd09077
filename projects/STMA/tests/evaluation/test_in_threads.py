"""Several threads: in use at once, and without a trace in the results."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from stma_d2.evaluation import get_protocol, run_evaluation
from stma_d2.evaluation.in_threads import in_threads


@pytest.fixture
def threads():
    """Sets torch's number of threads, and resets it."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_results_keep_the_order_of_the_videos(threads):
    """The first call waits until the second one has ended."""
    threads(2)
    second_ended = threading.Event()

    def name(video):
        if video == "a":
            assert second_ended.wait(60)
        if video == "b":
            second_ended.set()
        return video.upper()

    assert [*in_threads(name, "abcd")] == [*"ABCD"]


def test_one_thread_is_the_caller_s_own(threads):
    threads(1)
    assert {*in_threads(lambda video: threading.get_ident(), "abc")} == {threading.get_ident()}


@pytest.mark.parametrize("count", [1, 2])
def test_what_goes_wrong_with_a_video_is_raised(threads, count):
    threads(count)

    def fail(video):
        raise ValueError(video)

    with pytest.raises(ValueError, match="^a$"):
        [*in_threads(fail, "abc")]


@pytest.mark.parametrize("protocol", ["moc", "act", "voc"])
def test_evaluation_is_the_same_to_the_bit_in_any_number_of_threads(make, threads, protocol):
    """Twelve videos of noisy actors whose scores take few values, so that order settles ties."""
    rng = np.random.default_rng(0)
    videos, found = {}, {}
    for video in range(12):
        tubes = [make.tube(1, 40, (60 * a, 0, 60 * a + 30, 30), a % 3) for a in range(4)]
        videos[f"v{video}"] = (40, tubes)
        tubelets = make.follow(tubes, 40, 5, 3)
        tubelets.boxes[:] += rng.integers(-8, 9, tubelets.boxes.shape)
        proposed = (tubelets.scores > 0) | (rng.random(tubelets.scores.shape) < 0.3)
        tubelets.scores[:] = np.where(proposed, rng.integers(1, 9, tubelets.scores.shape) / 8, 0)
        found[f"v{video}"] = tubelets
    truth, rules = make.annotate("abc", **videos), get_protocol(protocol)
    numbers = []
    for count in (1, 2, 3):
        threads(count)
        evaluation = run_evaluation(found, truth, [*videos], rules)
        numbers.append((evaluation.flat(), evaluation.errors, evaluation.curves.record()))
    assert numbers[0] == numbers[1] == numbers[2]
    assert 0 < numbers[0][0]["video_mAP@0.5"] < 100
