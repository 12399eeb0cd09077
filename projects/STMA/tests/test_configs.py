"""Every configuration file loads and names parts that exist and fit together."""

from __future__ import annotations

from pathlib import Path

import pytest
from detectron2.data import DatasetCatalog
from detectron2.modeling import build_model

from stma_d2.config import load_config
from stma_d2.errors import InputError

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
FILES = sorted(path for path in CONFIGS.rglob("*.yaml") if not path.name.startswith("Base"))


def test_there_are_configurations():
    assert len(FILES) >= 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_configuration_builds_and_its_data_sets_are_registered(path):
    cfg = load_config(str(path), ["MODEL.DEVICE", "cpu"])
    model = build_model(cfg)
    assert model.num_classes == cfg.MODEL.STMA.NUM_CLASSES
    for name in (*cfg.DATASETS.TRAIN, *cfg.DATASETS.TEST):
        assert name in DatasetCatalog.list()
    assert path.stem in cfg.OUTPUT_DIR


@pytest.mark.parametrize(
    "name", ["UCF101-24/STMA_DLA34_RX101_K5", "JHMDB-21/STMA_DLA34_RX101_K5_split2"]
)
def test_the_papers_setting(name):
    """Section 3.1 of the paper."""
    cfg = load_config(str(CONFIGS / f"{name}.yaml"))
    jhmdb = "JHMDB" in name
    assert tuple(cfg.INPUT.SIZE) == (288, 288)
    assert (cfg.INPUT.CLIP_LENGTH, cfg.INPUT.SNIPPET_LENGTH) == (16, 5)
    assert (cfg.SOLVER.IMS_PER_BATCH, cfg.SOLVER.BASE_LR) == (24, 1e-4)
    assert cfg.SOLVER.EPOCHS == (12 if jhmdb else 16)
    assert cfg.MODEL.STMA.NUM_CLASSES == (21 if jhmdb else 24)
    weights = cfg.MODEL.STMA.LOSS_WEIGHT
    assert (weights.CLS, weights.CENTER, weights.REG, weights.SIZE) == (0.01, 1.0, 0.5, 0.1)
    assert cfg.TEST.TUBELETS_PER_WINDOW == 10


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        (["MODEL.NO_SUCH_KEY", "1"], "NO_SUCH_KEY"),
        (["SOLVER.BASE_LR", "'fast'"], "SOLVER.BASE_LR"),
        (["SOLVER.BASE_LR"], "SOLVER.BASE_LR"),
    ],
)
def test_a_wrong_override_names_its_key(overrides, word):
    with pytest.raises(InputError, match=word):
        load_config(str(FILES[0]), overrides)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"no/such\.yaml"):
        load_config("no/such.yaml")
