"""Records of samples."""

from __future__ import annotations

import torch

from stma_d2.structures import RegressionSamples


def test_joined_samples_count_their_instances_on():
    first = RegressionSamples(*(torch.tensor(v) for v in ([0, 1], [7, 8], [0, 1], [0.5, 1.0])))
    second = RegressionSamples(*(torch.tensor(v) for v in ([2], [9], [0], [2.0])))
    joined = RegressionSamples.cat([first, second], [0, 3])
    fields = [[0, 1, 2], [7, 8, 9], [0, 1, 3], [0.5, 1.0, 2.0]]
    assert [field.tolist() for field in joined] == fields
