"""Ranking against numpy's stable sort."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.evaluation.ranking import ranked


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 5000])
def test_scores_fall_and_equal_ones_keep_their_order(dtype, size):
    """Few distinct scores, so that ties are many; of every size, negative ones and both zeros."""
    rng = np.random.default_rng(size)
    info = np.finfo(dtype)
    extremes = [0.0, -0.0, info.max, info.min, info.tiny, -info.tiny, info.smallest_subnormal, 1.0]
    values = np.concatenate([extremes, rng.standard_normal(500)]).astype(dtype)
    scores = rng.choice(values, size)
    outcomes = rng.integers(0, 5, size).astype(np.int8)
    given = scores.copy(), outcomes.copy()
    found_scores, found_outcomes = ranked(scores, outcomes)
    order = np.argsort(-scores, kind="stable")
    np.testing.assert_array_equal(found_scores, scores[order], strict=True)
    np.testing.assert_array_equal(found_outcomes, outcomes[order], strict=True)
    np.testing.assert_array_equal((scores, outcomes), given)
