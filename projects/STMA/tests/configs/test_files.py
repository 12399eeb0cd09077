"""Every configuration file loads, builds, and names data sets that exist."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
import torch
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.modeling import build_model

from stma_d2.config import load_config
from stma_d2.data import Split, TubeAnnotations, VideoAnnotation, save_annotations

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FILES = sorted(path for path in CONFIGS.rglob("*.yaml") if not path.name.startswith("Base"))


@pytest.fixture(autouse=True)
def own_data(tmp_path, monkeypatch):
    """The file that configurations for own data name."""
    video = VideoAnnotation(20, 24, 32, ())
    truth = TubeAnnotations(("wave", "jump"), {"a": video}, (Split(("a",), ("a",)),))
    save_annotations(truth, tmp_path / "mine.json")
    (tmp_path / "mine.yaml").write_text("annotations: mine.json\nvideos: .\n")
    monkeypatch.chdir(tmp_path)
    yield
    for name in {"mine_train", "mine_test"} & set(DatasetCatalog.list()):
        DatasetCatalog.remove(name)
        MetadataCatalog.remove(name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_configuration_builds_and_its_data_sets_are_registered(path):
    cfg = load_config(str(path))
    cfg.MODEL.DEVICE = "meta"
    with torch.device("meta"):  # the same network without weights, in a fraction of the time
        model = build_model(cfg)
    assert model.num_classes == cfg.MODEL.STMA.NUM_CLASSES
    for name in (*cfg.DATASETS.TRAIN, *cfg.DATASETS.TEST):
        assert name in DatasetCatalog.list()
    assert cfg.OUTPUT_DIR == f"./output/{path.relative_to(CONFIGS).with_suffix('')}"
    assert (cfg.SOLVER.EPOCHS > 0) != (cfg.SOLVER.MAX_ITER > 0), "a training has one end"


def test_no_two_files_say_the_same():
    """A model, its data and its schedule have one file, whatever the keys it spells out."""
    contents = {}
    for path in FILES:
        cfg = load_config(str(path))
        cfg.OUTPUT_DIR = ""
        contents[path.stem] = cfg.dump()
    same = [(a, b) for a, b in combinations(contents, 2) if contents[a] == contents[b]]
    assert not same and len(contents) >= 17


@pytest.mark.parametrize(
    ("name", "batch", "epochs", "steps"),
    [
        ("UCF101-24_DLA34_K7", 63, 12, (6, 8)),
        ("UCF101-24_RESNET18_K7", 128, 10, (5, 8)),
        ("JHMDB-21_DLA34_K7_split2", 63, 20, (6, 8)),
    ],
)
def test_mocs_setting(name, batch, epochs, steps):
    """MOC-Detector's scripts/train_ucf_k7_dla.sh, train_ucf_k7_resnet18.sh and readme/Train.md."""
    cfg = load_config(str(CONFIGS / "MOC" / f"{name}.yaml"))
    solver, weights = cfg.SOLVER, cfg.MODEL.STMA.LOSS_WEIGHT
    assert (solver.IMS_PER_BATCH, solver.EPOCHS) == (batch, epochs)
    assert tuple(solver.STEP_EPOCHS) == steps
    assert (solver.BASE_LR, solver.GAMMA) == (5e-4, 0.1)
    assert solver.LR_SCHEDULER_NAME == "WarmupMultiStepLR"
    assert (weights.CENTER, weights.REG, weights.SIZE) == (1, 1, 0.1)


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
