from __future__ import annotations

import pytest

from stma_d2.errors import InputError
from stma_d2.linking import LinkingRules


def test_gap_without_windows_is_refused():
    assert LinkingRules(max_gap=1).max_gap == 1
    with pytest.raises(InputError, match="max_gap is 0"):
        LinkingRules(max_gap=0)
