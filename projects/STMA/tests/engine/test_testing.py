"""Evaluation of a loader: everything reaches the evaluator, in order, once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.engine.testing import evaluate_windows


class Walker(nn.Module):
    """Stands in for the sliding window: results are the batches, doubled."""

    def walk(self, batches):
        assert not self.training and torch.is_inference_mode_enabled()
        for batch in batches:
            yield batch, [2 * sample for sample in batch]


class Recorder:
    """An evaluator that remembers what it is told."""

    def __init__(self, result):
        self.result = result

    def reset(self):
        self.seen = []

    def process(self, inputs, outputs):
        self.seen.append((inputs, outputs))

    def evaluate(self):
        return self.result


def test_every_batch_reaches_the_evaluator_with_its_results():
    recorder = Recorder({"task": {"metric": 1.0}})
    assert evaluate_windows(Walker(), [[1], [2, 3]], recorder) == recorder.result
    assert recorder.seen == [([1], [2]), ([2, 3], [4, 6])]


def test_the_network_keeps_its_mode_even_if_the_evaluator_refuses():
    class Refusing(Recorder):
        def process(self, inputs, outputs):
            raise ValueError

    for mode in (True, False):
        walker = Walker().train(mode)
        with pytest.raises(ValueError):
            evaluate_windows(walker, [[1]], Refusing({}))
        assert walker.training is mode


def test_processes_without_a_result_give_an_empty_one():
    assert evaluate_windows(Walker(), [[1]], Recorder(None)) == {}
