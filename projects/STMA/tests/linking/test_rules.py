from __future__ import annotations

import pytest

from stma_d2.errors import InputError
from stma_d2.linking import LinkingRules


def test_gap_without_windows_is_refused():
    assert LinkingRules(max_gap=1).max_gap == 1
    with pytest.raises(InputError, match="max_gap is 0"):
        LinkingRules(max_gap=0)


def test_tubes_that_would_always_be_too_short_are_refused():
    assert LinkingRules(min_tube_length=15, max_tube_length=15).max_tube_length == 15
    with pytest.raises(InputError, match="max_tube_length is 14"):
        LinkingRules(min_tube_length=15, max_tube_length=14)
    with pytest.raises(InputError, match="min_tube_length is 0"):
        LinkingRules(min_tube_length=0)
