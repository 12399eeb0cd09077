"""A study of made-up numbers."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def study(make_run) -> dict[str, Any]:
    """Full and base with two seeds, CAL with one; a group of the three has no ground truth."""
    return {
        "config": "Synthetic/STMA_tiny_K5.yaml",
        "overrides": [],
        "full_config": "SEED: 1",
        "class_groups": {"run": "short", "hop": "short", "sway": "long", "red": "looks"},
        "runs": [
            make_run("full", 1, {"run": 60, "hop": 80, "sway": 100}),
            make_run("full", 2, {"run": 50, "hop": 70, "sway": 90}),
            make_run("base", 1, {"run": 50, "hop": 50, "sway": 50}),
            make_run("base", 2, {"run": 50, "hop": 54, "sway": 46}),
            make_run("CAL", 2, {"run": 60, "hop": 64, "sway": 50}),
        ],
    }
