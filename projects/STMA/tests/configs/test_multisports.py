"""The configuration of MultiSports trains and evaluates, in miniature, from video files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.config import load_config
from stma_d2.data import (
    Split,
    TubeAnnotations,
    VideoAnnotation,
    load_ground_truth,
    save_annotations,
)
from stma_d2.data.datasets import register_multisports
from stma_d2.data.datasets.multisports import LABELS
from stma_d2.engine import Trainer
from stma_d2.evaluation import (
    FRAME_FILE,
    TUBE_FILE,
    get_protocol,
    load_frame_boxes,
    load_tubes,
    score,
)
from stma_d2.structures import Tube
from stma_d2.visualization import write_video

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
NUM_FRAMES = 24
# The network in miniature.
SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.NAME", "build_small_resnet_backbone"),
    *("MODEL.BACKBONE_3D.NAME", "build_small_resnext3d_backbone", "MODEL.WEIGHTS", ""),
    *("MODEL.BACKBONE.STEM_CHANNELS", "8", "MODEL.BACKBONE_3D.STEM_CHANNELS", "8"),
    *("MODEL.STMA.HEAD_CHANNELS", "8", "MODEL.STMA.ACTION.CHANNELS", "8"),
    *("MODEL.STMA.ACTION.FUSED_CHANNELS", "16", "INPUT.SIZE", "(64, 64)"),
    *("SOLVER.EPOCHS", "0", "SOLVER.MAX_ITER", "1", "SOLVER.IMS_PER_BATCH", "2"),
    *("DATALOADER.NUM_WORKERS", "0", "SEED", "1", "TEST.BENCHMARK_FILES.ENABLED", "True"),
]


@pytest.fixture
def videos(tmp_path, monkeypatch):
    """MultiSports with two videos of noise, one of which is for validation."""
    rng, names = np.random.default_rng(0), ("football/v_a_c001", "basketball/v_b_c001")
    folder, entries = tmp_path / "multisports" / "trainval", {}
    for name, label in zip(names, ("football trap", "basketball pass"), strict=True):
        frames = np.arange(2, NUM_FRAMES)
        boxes = np.tile(np.array([8, 8, 40, 40], np.float32), (len(frames), 1))
        tube = Tube(frames, boxes, LABELS.index(label))
        entries[name] = VideoAnnotation(NUM_FRAMES, 48, 64, (tube,))
        pixels = rng.integers(0, 256, (NUM_FRAMES, 48, 64, 3), dtype=np.uint8)
        write_video(folder / f"{name}.mp4", pixels, 25)
    truth = TubeAnnotations(LABELS, entries, (Split(names[:1], names[1:]),))
    save_annotations(truth, folder / "multisports_GT.pkl")
    for catalog in (DatasetCatalog, MetadataCatalog):
        monkeypatch.setattr(catalog, "data", {})
    register_multisports(str(tmp_path))


def test_takes_a_step_and_evaluates_by_the_benchmarks_rules(videos, tmp_path):
    file = CONFIGS / "MultiSports" / "STMA_DLA34_RX101_K5.yaml"
    cfg = load_config(str(file), [*SMALL, "OUTPUT_DIR", str(tmp_path / "output")])
    assert cfg.MODEL.STMA.NUM_CLASSES == len(LABELS) == 66
    trainer = Trainer(cfg)
    trainer.train()
    losses = {name for name in trainer.storage.latest() if name.startswith("loss_")}
    assert losses == {"loss_center", "loss_movement", "loss_size", "loss_cls"}

    folder = tmp_path / "output" / "inference" / "multisports_val"
    record = json.loads((folder / "metrics.json").read_text())
    assert (record["protocol"], record["dataset"]) == ("multisports", "multisports_val")
    truth, names = load_ground_truth("multisports_val")
    boxes = load_frame_boxes(folder / FRAME_FILE, truth, names)
    tubes = load_tubes(folder / TUBE_FILE, truth, names)
    assert set(boxes[names[0]].labels) == set(range(66)), "every class of every tubelet"
    again = score(boxes, tubes, truth, names, get_protocol("multisports"))
    assert again.flat() == record["metrics"]
