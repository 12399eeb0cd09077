from __future__ import annotations

import numba
import numpy as np

from stma_d2.compiled import compiled


def add_and_scale(a: np.ndarray, factor: np.float32) -> np.ndarray:
    """A product and a sum, which a fused operation would round once only."""
    result = np.empty_like(a)
    for i in range(len(a)):
        result[i] = a[i] * factor + a[i]
    return result


def test_compiled_arithmetic_rounds_as_numpy():
    a = np.random.default_rng(0).random(10000).astype(np.float32)
    factor = np.float32(0.7)
    fused = (a.astype(np.float64) * factor + a).astype(np.float32)
    assert (fused != a * factor + a).any()
    np.testing.assert_array_equal(compiled(add_and_scale)(a, factor), a * factor + a)


def test_missing_cache_folder_is_no_obstacle(monkeypatch):
    njit = numba.njit

    def without_folder(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", without_folder)
    assert compiled(add_and_scale)(np.ones(2), 2.0).tolist() == [3, 3]
