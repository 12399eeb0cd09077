"""What several tests share: reference data, and a small data set; the rest lies in `fixtures`."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[3]


def pytest_configure(config: pytest.Config) -> None:
    """Load the other fixtures; as `pytest_plugins` they would be refused to ``pytest .``."""
    for name in ("networks", "runs", "tables", "trainings"):
        config.pluginmanager.import_plugin(f"fixtures.{name}")
    # PyTorch's first backward pass looks which devices there are. After an export it would count
    # one that is none and start a thread for it, and no forked process could train any more.
    torch.ones((), requires_grad=True).backward()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The optional folder with real videos, ground truth and golden numbers (STMA_SHARED)."""
    folder = Path(os.environ.get("STMA_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"reference data not found at {folder}; set STMA_SHARED to its folder")
    return folder


@pytest.fixture(scope="session")
def oracle() -> Iterator[Callable[[str], ModuleType]]:
    """``oracle(name)`` is the module ``tests/oracles/<name>.py``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent / "oracles"))
        yield importlib.import_module


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for DETECTRON2_DATASETS with a synthetic data set of 4 + 3 small videos."""
    from stma_d2.data.datasets.synthetic_actions import generate_synthetic_actions

    root = tmp_path_factory.mktemp("datasets")
    generate_synthetic_actions(str(root), num_train=4, num_val=3, image_size=64)
    return root


@pytest.fixture(scope="session")
def synthetic_videos(synthetic_root: Path) -> Iterator[str]:
    """The name under which the small data set's training videos are registered besides."""
    from detectron2.data import DatasetCatalog, MetadataCatalog

    from stma_d2.data import register_tube_dataset

    name, folder = "synthetic_videos", synthetic_root / "synthetic_actions"
    annotations = str(folder / "SyntheticActions-GT.pkl")
    register_tube_dataset(name, annotations, str(folder / "rgb-images"))
    yield name
    DatasetCatalog.remove(name)
    MetadataCatalog.remove(name)


@pytest.fixture
def empty_catalogs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No data set is registered."""
    from detectron2.data import DatasetCatalog, MetadataCatalog

    for catalog in (DatasetCatalog, MetadataCatalog):
        monkeypatch.setattr(catalog, "data", {})
