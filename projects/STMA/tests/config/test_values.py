"""Checking a configuration that was changed in Python."""

from __future__ import annotations

import pytest

from stma_d2.config import check_values, load_config
from stma_d2.errors import InputError


def test_a_changed_configuration_is_checked_again():
    cfg = load_config("")
    check_values(cfg)
    cfg.TEST.CLIP_STRIDE = -1
    with pytest.raises(InputError, match=r"^TEST.CLIP_STRIDE is -1; it must be a whole number, at"):
        check_values(cfg)


def test_the_file_of_a_value_is_named():
    cfg = load_config("")
    cfg.SOLVER.MOMENTUM = 0.5
    with pytest.raises(InputError, match=r"^SOLVER.MOMENTUM is 0.5 \(mine.yaml\), but nothing"):
        check_values(cfg, {"SOLVER.MOMENTUM": "mine.yaml", "SOLVER.GAMMA": "another.yaml"})
