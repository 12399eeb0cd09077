"""Weights are numbers, finite and of the right kind."""

from __future__ import annotations

import pytest
import torch

from stma_d2.checkpoint.weights import to_dtype
from stma_d2.errors import InputError


def test_numbers_that_fit_are_converted():
    half = torch.tensor([0.5, -2.0], dtype=torch.float16)
    assert to_dtype("a", half, torch.float32).tolist() == [0.5, -2.0]
    assert to_dtype("a", half, torch.float32).dtype == torch.float32
    assert to_dtype("a", torch.tensor(3.0), torch.int64).dtype == torch.int64
    weights = torch.ones(3)
    assert to_dtype("a", weights, torch.float32).data_ptr() == weights.data_ptr()


@pytest.mark.parametrize(
    ("tensor", "dtype", "reason"),
    [
        (torch.tensor([1.0, float("nan")]), torch.float32, "NaN"),
        (torch.tensor([-float("inf")]), torch.float32, "infinite"),
        (torch.tensor([1e39], dtype=torch.float64), torch.float32, "too large for torch.float32"),
        (torch.tensor([7e4]), torch.float16, "too large for torch.float16"),
        (torch.tensor([1]), torch.float32, "type torch.int64 where torch.float32"),
        (torch.tensor([True]), torch.float32, "type torch.bool where torch.float32"),
        (torch.tensor([1j]), torch.float32, "type torch.complex64"),
        (torch.tensor([1j]), torch.int64, "type torch.complex64"),
        (torch.tensor([1.5]), torch.int64, "not whole"),
        (torch.eye(2).to_sparse(), torch.float32, "no plain tensor"),
        (torch.ones(2, device="meta"), torch.float32, "no plain tensor"),
        (torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), torch.float32, "no plain"),
    ],
)
def test_other_numbers_are_refused_by_key(tensor, dtype, reason):
    with pytest.raises(InputError, match=f"layer.weight .*{reason}"):
        to_dtype("layer.weight", tensor, dtype)
