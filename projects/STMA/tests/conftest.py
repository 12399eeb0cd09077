"""What several tests share: the optional reference data, a small data set, a tiny network."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIGS = REPOSITORY / "projects" / "STMA" / "configs"
# Of the tiny network.
CLASSES = 3


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


@pytest.fixture
def tiny_cfg():
    """A network that takes milliseconds: 64 x 64, K = 3, T = 8, 3 classes."""
    from stma_d2.config import load_config

    cfg = load_config(str(CONFIGS / "Synthetic" / "STMA_tiny_K5.yaml"))
    cfg.MODEL.DEVICE = "cpu"
    cfg.MODEL.BACKBONE.STEM_CHANNELS = 8
    cfg.MODEL.STMA.NUM_CLASSES = CLASSES
    cfg.MODEL.STMA.HEAD_CHANNELS = 8
    cfg.MODEL.STMA.ACTION.CHANNELS = 8
    cfg.MODEL.STMA.ACTION.FUSED_CHANNELS = 16
    cfg.INPUT.SIZE = (64, 64)
    cfg.INPUT.SNIPPET_LENGTH = 3
    cfg.INPUT.CLIP_LENGTH = 8
    return cfg


@pytest.fixture
def tiny_model(tiny_cfg):
    """The network of ``tiny_cfg`` with seeded weights, in evaluation mode."""
    from detectron2.modeling import build_model

    torch.manual_seed(0)
    return build_model(tiny_cfg).eval()


@pytest.fixture
def make_sample():
    """Makes a sample of some consecutive windows of random frames, with targets if asked for."""
    from stma_d2.data.targets import TargetRules, make_targets

    def make(cfg, num_windows=1, num_instances=None, seed=0, stride=4):
        generator = torch.Generator().manual_seed(seed)
        clip_length, snippet_length = cfg.INPUT.CLIP_LENGTH, cfg.INPUT.SNIPPET_LENGTH
        before = (clip_length - snippet_length) // 2
        offsets = torch.arange(num_windows)[:, None]
        shape = (clip_length + num_windows - 1, 3, *cfg.INPUT.SIZE)
        sample = {
            "video_id": "video",
            "height": 120,
            "width": 160,
            "windows": torch.arange(num_windows) + 1,
            "frames": torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),
            "snippet_index": torch.arange(snippet_length)[None] + before + offsets,
            "clip_index": torch.arange(clip_length)[None] + offsets,
        }
        if num_instances is not None:
            corners = torch.rand(num_instances, 1, 2, generator=generator) * 20
            boxes = torch.cat([corners, corners + 24], dim=2).repeat(1, snippet_length, 1)
            labels = torch.arange(num_instances) % CLASSES
            rules = TargetRules.from_config(cfg, stride)
            sample["targets"] = make_targets(boxes, labels, cfg.INPUT.SIZE, rules)
        return sample

    return make


@pytest.fixture(scope="session")
def assert_same_tubelets():
    """Compares two `Tubelets`: the windows, and the rest up to rounding."""

    def assert_same(ours, theirs):
        assert ours.windows.tolist() == theirs.windows.tolist()
        ours, theirs = ours.numpy(), theirs.numpy()
        np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5, rtol=1e-4)

    return assert_same


@pytest.fixture
def count_rows():
    """``count_rows(module)`` is a list that gets the number of rows of each call of ``module``."""

    def count(module):
        counts = []
        module.register_forward_hook(lambda _, inputs, __: counts.append(len(inputs[0])))
        return counts

    return count
