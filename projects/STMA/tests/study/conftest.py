"""A study of made-up numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from stma_d2.evaluation import METRICS
from stma_d2.study.rows import ROWS


@pytest.fixture
def make_run() -> Callable[..., dict[str, Any]]:
    """``make_run(row, seed, {label: AP})``: a run whose classes have that AP by every metric."""

    def make(row: str, seed: int, aps: Mapping[str, float], **others: Any) -> dict[str, Any]:
        mean = sum(aps.values()) / len(aps)
        return {
            "row": row,
            "switches": ROWS[row].switches(),
            "recipe": {},
            "learning_rate": 0.001,
            "datasets": ["some_train"],
            "iterations": 1000,
            "batch": 8,
            "seed": seed,
            "hardware": "1 CPU thread",
            "commit": "abc",
            "seconds": 90,
            "evaluation": {
                "dataset": "some_val",
                "protocol": "moc",
                "min_tubelet_score": 0.0,
                "trim_below_median": 0.0,
                "trim_to_key_frames": False,
                "min_tube_length": 15,
                "num_videos": 32,
                "metrics": dict.fromkeys(METRICS, mean)
                | {f"AP/{metric}/{label}": ap for metric in METRICS for label, ap in aps.items()},
            },
            "video_mAP_over_iou": [[0.2, mean + 10], [0.5, mean]],
            **others,
        }

    return make


@pytest.fixture
def study(make_run) -> dict[str, Any]:
    """Full and base with two seeds, CAL with one; a group of the three has no ground truth."""
    return {
        "config": "Synthetic/STMA_tiny_K5.yaml",
        "overrides": [],
        "class_groups": {"run": "short", "hop": "short", "sway": "long", "red": "looks"},
        "runs": [
            make_run("full", 1, {"run": 60, "hop": 80, "sway": 100}),
            make_run("full", 2, {"run": 50, "hop": 70, "sway": 90}),
            make_run("base", 1, {"run": 50, "hop": 50, "sway": 50}),
            make_run("base", 2, {"run": 50, "hop": 54, "sway": 46}),
            make_run("CAL", 2, {"run": 60, "hop": 64, "sway": 50}),
        ],
    }
