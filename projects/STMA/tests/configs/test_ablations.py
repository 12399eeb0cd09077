"""Each row of the paper's Tables 2 to 4: exactly its modules, its losses, its targets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from detectron2.modeling import build_model
from torch import nn

from stma_d2.config import load_config
from stma_d2.data import ClipSampler
from stma_d2.data.targets import TargetRules, make_targets
from stma_d2.engine import Trainer
from stma_d2.modeling.heads import MotionExcitation

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FULL = "UCF101-24/STMA_DLA34_RX101_K5"


@dataclass(frozen=True)
class Row:
    """What the tables tick: CAL, ME, STA, Gaussian regression of size and movement, K."""

    file: str
    agnostic: bool = False
    excitation: bool = False
    aggregation: bool = False
    size: bool = False
    movement: bool = False
    frames: int = 5


ROWS = [
    Row("ablations/base"),
    Row("ablations/CAL", agnostic=True),
    Row("ablations/CAL_ME", agnostic=True, excitation=True),
    Row("ablations/CAL_ME_STA", agnostic=True, excitation=True, aggregation=True),
    Row("ablations/CAL_ME_GR", agnostic=True, excitation=True, size=True, movement=True),
    Row("ablations/size", size=True),
    Row("ablations/movement", movement=True),
    Row("ablations/size_movement", size=True, movement=True),
    Row("ablations/K1", True, True, True, True, True, frames=1),
    Row("ablations/K3", True, True, True, True, True, frames=3),
    Row(FULL, True, True, True, True, True, frames=5),
    Row("ablations/K7", True, True, True, True, True, frames=7),
]
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.file.split("/")[1])

# The network in miniature; what the rows switch stays as the file says.
SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.NAME", "build_small_resnet_backbone"),
    *("MODEL.BACKBONE.STEM_CHANNELS", "8", "MODEL.BACKBONE_3D.STEM_CHANNELS", "8"),
    *("MODEL.STMA.NUM_CLASSES", "10", "MODEL.STMA.HEAD_CHANNELS", "8"),
    *("MODEL.STMA.ACTION.CHANNELS", "8", "MODEL.STMA.ACTION.FUSED_CHANNELS", "16"),
    *("INPUT.SIZE", "(64, 64)", "SOLVER.EPOCHS", "0", "SOLVER.MAX_ITER", "1"),
    *("SOLVER.IMS_PER_BATCH", "2", "DATALOADER.NUM_WORKERS", "0", "SEED", "1"),
    *("DATASETS.TEST", "()", "MODEL.WEIGHTS", ""),
]


def config(row, overrides):
    return load_config(str(CONFIGS / f"{row.file}.yaml"), overrides)


def last_convolution(head):
    return [module for module in head.modules() if isinstance(module, nn.Conv2d)][-1]


def test_every_ablation_file_is_a_row_and_every_table_is_there():
    files = {row.file for row in ROWS}
    assert files == {f"ablations/{p.stem}" for p in (CONFIGS / "ablations").glob("*.yaml")} | {FULL}
    assert len({row: None for row in ROWS}) == len(ROWS) == 12


@every_row
def test_row_builds_its_modules_and_no_others(row):
    cfg = config(row, [])
    cfg.MODEL.DEVICE = "meta"
    with torch.device("meta"):
        model = build_model(cfg)
    heads = {"center_head", "movement_head", "size_head"}
    expected = heads | {"backbone"} | ({"action_head"} if row.agnostic else set())
    expected |= {"backbone_3d"} if row.aggregation else set()
    assert {name for name, _ in model.named_children()} == expected
    assert ClipSampler.from_config(cfg).clip_length == (16 if row.aggregation else 5)
    assert cfg.TEST.TUBELETS_PER_WINDOW == (10 if row.agnostic else 100)
    excitations = [m for m in model.modules() if isinstance(m, MotionExcitation)]
    assert len(excitations) == row.excitation

    assert last_convolution(model.center_head).out_channels == (1 if row.agnostic else 24)
    assert last_convolution(model.movement_head).out_channels == 2 * row.frames
    assert last_convolution(model.size_head).out_channels == (4 if row.size else 2)
    assert model.movement_from_pixel == (not row.movement or not row.size)
    if row.agnostic:
        fused = row.frames * 256 + (2048 if row.aggregation else 0)
        assert last_convolution(model.action_head.fuse).in_channels == fused
        assert last_convolution(model.action_head).out_channels == 24


@every_row
def test_row_trains_on_areas_or_on_center_pixels(row):
    """Two boxes apart from each other: without areas one sample each, size in every frame."""
    rules = TargetRules.from_config(config(row, []), stride=4)
    boxes = torch.tensor([[20.0, 20, 100, 120], [160.0, 160, 260, 220]])
    boxes = boxes[:, None].repeat(1, row.frames, 1)
    targets = make_targets(boxes, torch.tensor([3, 7]), (288, 288), rules)
    assert targets["heatmap"].shape == (1 if row.agnostic else 24, 72, 72)
    for samples, instances, gaussian in (
        (targets["movement"].pixels, 2, row.movement),
        (targets["size"].pixels, 2 * row.frames, row.size),
    ):
        assert len(samples) > 20 * instances if gaussian else len(samples) == instances


@every_row
def test_row_takes_a_step_with_its_losses_and_trains_every_weight(row, synthetic_videos, tmp_path):
    clip = ["MODEL.BACKBONE_3D.NAME", "build_small_resnext3d_backbone"] if row.aggregation else []
    output = ["DATASETS.TRAIN", (synthetic_videos,), "OUTPUT_DIR", str(tmp_path)]
    trainer = Trainer(config(row, [*SMALL, *clip, *output]))
    trainer.train()
    losses = {name for name in trainer.storage.latest() if name.startswith("loss_")}
    expected = {"loss_center", "loss_movement", "loss_size"}
    assert losses == expected | ({"loss_cls"} if row.agnostic else set())
    for name, parameter in trainer.model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
