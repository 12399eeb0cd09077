"""What several tests share: the optional folder of reference data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The optional folder with real videos, ground truth and golden numbers (STMA_SHARED)."""
    folder = Path(os.environ.get("STMA_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"reference data not found at {folder}; set STMA_SHARED to its folder")
    return folder


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for DETECTRON2_DATASETS with a synthetic data set of 4 + 3 small videos."""
    from stma_d2.data.datasets.synthetic_actions import generate_synthetic_actions

    root = tmp_path_factory.mktemp("datasets")
    generate_synthetic_actions(str(root), num_train=4, num_val=3, image_size=64)
    return root
