"""Whole MOC models give MOC's head maps and detections here, and evaluate."""

from __future__ import annotations

import os
import pickle
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from detectron2.modeling import build_model
from torch import nn

from stma_d2.checkpoint import TubeletCheckpointer, convert_moc, moc_conversion
from stma_d2.config import load_config
from stma_d2.data.datasets.jhmdb_21 import LABELS
from stma_d2.errors import InputError
from stma_d2.evaluation import load_detections
from stma_d2.model_zoo import get_config_file
from stma_d2.modeling.backbone import DLA34, ResNet18
from stma_d2.modeling.decoding import find_peaks, follow_centers, read_boxes
from stma_d2.modeling.heads import CenterHead, MovementHead, SizeHead

PROJECT = Path(__file__).resolve().parents[2]
JHMDB = "JHMDB-21_DLA34_K7_split1"
K5 = ["INPUT.SNIPPET_LENGTH", "5", "INPUT.CLIP_LENGTH", "5"]
RESULTS = "inference/jhmdb_21_split1_test"
# Of intensities in [0, 1], BGR.
MOC_MEAN = np.array([0.40789654, 0.44719302, 0.47026115])
MOC_STD = np.array([0.28863828, 0.27408164, 0.27809835])


@pytest.fixture
def baseline() -> nn.ModuleDict:
    """The baseline's parts for K = 5 and 21 classes, under the meta-architecture's names."""
    head = {"in_channels": 64, "hidden_channels": 256}
    return nn.ModuleDict(
        {
            "backbone": DLA34(),
            "center_head": CenterHead(num_frames=5, num_maps=21, **head),
            "movement_head": MovementHead(num_frames=5, **head),
            "size_head": SizeHead(gaussian=False, **head),
        }
    ).eval()


def test_a_moc_model_gives_its_head_maps(moc_model, baseline, golden, golden_input):
    checkpoint = {
        "epoch": 12,
        "best": 100,
        "state_dict": {f"module.{key}": value for key, value in moc_model.items()},
    }
    baseline.load_state_dict(convert_moc(checkpoint))

    with torch.no_grad():
        frames = [golden_input(f"mocnet_a{i}", (1, 3, 96, 128)) for i in range(5)]
        features = baseline["backbone"](torch.cat(frames))
        maps = {
            "hm_logits": baseline["center_head"](features[None]),
            "mov": baseline["movement_head"](features[None]),
            "wh": baseline["size_head"](features).flatten(0, 1)[None],
        }

    expected = golden("moc_net_k5_c21")
    for name, found in maps.items():
        torch.testing.assert_close(found, torch.from_numpy(expected[name]), atol=1e-4, rtol=0)


def test_every_key_is_accounted_for(moc_model):
    conversion = moc_conversion(moc_model)
    assert set(conversion.sources.values()) | conversion.dropped.keys() == moc_model.keys()
    assert {key.split(".")[2] for key in conversion.dropped} <= {"level3", "level4"}
    assert conversion.missing == ()


def test_what_is_no_moc_model_is_refused(moc_model, dla34):
    with pytest.raises(InputError, match=r"no convolution branch\.hm\.0\.weight"):
        convert_moc(dla34)
    with pytest.raises(InputError, match=r"no convolution branch\.mov\.2\.weight"):
        convert_moc(moc_model | {"branch.mov.2.weight": torch.zeros(10)})
    without = {key: value for key, value in moc_model.items() if "_up." not in key}
    with pytest.raises(InputError, match="only the base network"):
        convert_moc(without)


def test_heads_that_disagree_about_k_are_refused(moc_model):
    seven = moc_model | {
        "branch.mov.2.weight": torch.zeros(14, 256, 1, 1),
        "branch.mov.2.bias": torch.zeros(14),
    }
    with pytest.raises(InputError, match=r"branch\.hm\.0\.weight is \(256, 320, 3, 3\), not"):
        convert_moc(seven)


def test_extra_branches_are_refused(moc_model):
    with pytest.raises(InputError, match=r"no place for branch\.offset\.0\.bias"):
        convert_moc(moc_model | {"branch.offset.0.bias": torch.zeros(256)})
    with pytest.raises(InputError, match=r"no place for branch\.scale"):
        convert_moc(moc_model | {"branch.scale": torch.zeros(1)})


# MOC's configurations and what the published models of each hold: backbone, classes, width of the
# size branch.
PUBLISHED = {
    "UCF101-24_DLA34_K7": ("dla34", 24, 256),
    "UCF101-24_RESNET18_K7": ("resnet18", 24, 64),
    "JHMDB-21_DLA34_K7_split1": ("dla34", 21, 256),
    "JHMDB-21_DLA34_K7_split2": ("dla34", 21, 256),
    "JHMDB-21_DLA34_K7_split3": ("dla34", 21, 256),
}


def test_every_moc_configuration_is_checked():
    folder = Path(get_config_file("MOC/Base-MOC.yaml")).parent
    assert {path.stem for path in folder.glob("*.yaml")} == {"Base-MOC", *PUBLISHED}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_model_fills_its_configuration_whole(name, published_keys):
    backbone, classes, size_width = PUBLISHED[name]
    shapes = _moc_shapes(published_keys, backbone, 7, classes, size_width)
    conversion = moc_conversion({k: torch.empty(s, device="meta") for k, s in shapes.items()})

    cfg = load_config(get_config_file(f"MOC/{name}.yaml"))
    cfg.MODEL.DEVICE = "meta"
    with torch.device("meta"):
        expected = {key: value.shape for key, value in build_model(cfg).state_dict().items()}
    assert {key: value.shape for key, value in conversion.weights.items()} == expected
    # What the tool prints is what the file says.
    for key, value in conversion.settings.items():
        node, _, leaf = key.rpartition(".")
        configured = reduce(getattr, node.split("."), cfg)[leaf]
        if key == "MODEL.STMA.SIZE.HEAD_CHANNELS":
            configured = configured or cfg.MODEL.STMA.HEAD_CHANNELS
        assert configured == value, key


def test_the_configurations_preprocess_and_decode_as_moc_does():
    """Values of MOC-Detector's opts.py, on [0, 1] and BGR there."""
    cfg = load_config(get_config_file("MOC/UCF101-24_DLA34_K7.yaml"))
    assert tuple(cfg.INPUT.SIZE) == (288, 288)
    assert cfg.TEST.TUBELETS_PER_WINDOW == 100
    assert cfg.TEST.PROTOCOL == "moc"
    assert cfg.TEST.LINKING.MIN_TUBELET_SCORE == 0
    assert np.allclose(np.divide(cfg.MODEL.PIXEL_MEAN, 255), MOC_MEAN, atol=1e-9)
    assert np.allclose(np.divide(cfg.MODEL.PIXEL_STD, 255), MOC_STD, atol=1e-9)


@pytest.fixture(scope="module")
def converted(moc_model, tmp_path_factory) -> Iterator[Path]:
    """A published MOC checkpoint after tools/convert_weights.py."""
    folder = tmp_path_factory.mktemp("converted")
    checkpoint = {f"module.{key}": value for key, value in moc_model.items()}
    torch.save({"epoch": 12, "best": 100, "state_dict": checkpoint}, folder / "moc.pth")
    tool = runpy.run_path(str(PROJECT / "tools" / "convert_weights.py"))
    assert tool["main"]([str(folder / "moc.pth"), "--output", str(folder / "moc.pkl")]) == 0
    yield folder / "moc.pkl"
    shutil.rmtree(folder)  # 170 MB


def test_a_converted_model_gives_moc_s_maps_and_detections(converted, golden, golden_input):
    cfg = load_config(get_config_file(f"MOC/{JHMDB}.yaml"), [*K5, "MODEL.DEVICE", "cpu"])
    model = build_model(cfg).eval()
    TubeletCheckpointer(model).load(str(converted))  # refuses anything missing or unexpected

    with torch.no_grad():
        frames = torch.cat([golden_input(f"mocnet_a{i}", (1, 3, 96, 128)) for i in range(5)])
        features = model.backbone(frames)
        heat, movement = model.center_head(features[None]), model.movement_head(features[None])
        sizes = model.size_head(features)
    expected = {name: torch.from_numpy(value) for name, value in golden("moc_net_k5_c21").items()}
    assert torch.allclose(heat, expected["hm_logits"], rtol=0, atol=1e-4)
    assert torch.allclose(movement, expected["mov"], rtol=0, atol=1e-4)
    assert torch.allclose(sizes.flatten(0, 1)[None], expected["wh"], rtol=0, atol=1e-4)

    peaks = find_peaks(heat, 20)
    boxes = read_boxes(peaks, follow_centers(peaks, movement), sizes[None], stride=1)
    found = torch.cat([boxes.flatten(2), peaks.scores[..., None], peaks.maps[..., None]], dim=2)
    assert torch.allclose(found, expected["detections"], rtol=0, atol=1e-4)


def test_a_converted_model_evaluates(converted, moc_model, baseline, tmp_path):
    """train_net.py --eval-only on two short videos gives the detections computed step by step."""
    videos = _write_jhmdb(tmp_path / "datasets" / "JHMDB")
    weights = ["MODEL.WEIGHTS", str(converted), "OUTPUT_DIR", str(tmp_path)]
    process = subprocess.run(
        [
            *(sys.executable, PROJECT / "train_net.py", "--eval-only"),
            *("--config-file", get_config_file(f"MOC/{JHMDB}.yaml")),
            *(*K5, *weights, "INPUT.SIZE", "(96, 128)", "TEST.TUBELETS_PER_WINDOW", "5"),
            *("MODEL.DEVICE", "cpu", "DATALOADER.NUM_WORKERS", "0"),
        ],
        env={
            **os.environ,
            "DETECTRON2_DATASETS": str(tmp_path / "datasets"),
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    assert process.returncode == 0, process.stdout
    assert "AP/frame_mAP@0.5/golf" in (tmp_path / RESULTS / "metrics.json").read_text()

    found = load_detections(tmp_path / RESULTS / "detections.npz")
    baseline.load_state_dict(convert_moc(moc_model))
    assert found.keys() == videos.keys()
    for name, frames in videos.items():
        windows = range(len(frames) - 4)
        assert found[name].windows.tolist() == [first + 1 for first in windows]
        for first in windows:
            boxes, scores = _detect(baseline, frames[first : first + 5])
            np.testing.assert_allclose(found[name].scores[first], scores, atol=1e-5)
            np.testing.assert_allclose(found[name].boxes[first], boxes, atol=1e-3)


def _moc_shapes(
    published_keys: dict, backbone: str, num_frames: int, classes: int, size_width: int
) -> dict[str, list[int]]:
    """Keys and shapes of a published MOC model."""
    if backbone == "dla34":
        shapes = dict(published_keys["dla34"])
    else:
        shapes = _resnet18_shapes()
    shapes = {f"backbone.{key}": shape for key, shape in shapes.items()}
    for branch, channels, width, maps in (
        ("hm", 64 * num_frames, 256, classes),
        ("mov", 64 * num_frames, 256, 2 * num_frames),
        ("wh", 64, size_width, 2),
    ):
        shapes[f"branch.{branch}.0.weight"] = [width, channels, 3, 3]
        shapes[f"branch.{branch}.0.bias"] = [width]
        shapes[f"branch.{branch}.2.weight"] = [maps, width, 1, 1]
        shapes[f"branch.{branch}.2.bias"] = [maps]
    return shapes


def _resnet18_shapes() -> dict[str, torch.Size]:
    """MOC's ResNet-18: torchvision's, then 3 x (deformable, BN, ReLU, transposed, BN, ReLU)."""
    steps = {"project.conv": 0, "project.norm": 1, "upsample": 3, "norm": 4}
    shapes = {}
    for key, value in ResNet18().state_dict().items():
        part, _, rest = key.partition(".")
        if part == "up":
            stage, _, rest = rest.partition(".")
            name = next(name for name in steps if rest.startswith(f"{name}."))
            tail = rest.removeprefix(f"{name}.").replace("offset_mask", "conv_offset_mask")
            rest = f"deconv_layer.deconv_layers.{6 * int(stage) + steps[name]}.{tail}"
        shapes[rest] = value.shape
    return shapes


def _write_jhmdb(folder: Path) -> dict[str, list[np.ndarray]]:
    """A data set in JHMDB's layout: two videos of noise; returns their frames, (h, w, 3) BGR."""
    rng = np.random.default_rng(0)
    videos = {
        "golf/a": [rng.integers(0, 256, (96, 128, 3), dtype=np.uint8) for _ in range(6)],
        "wave/b": [rng.integers(0, 256, (96, 128, 3), dtype=np.uint8) for _ in range(5)],
    }
    for name, frames in videos.items():
        (folder / "Frames" / name).mkdir(parents=True)
        for number, frame in enumerate(frames, start=1):
            cv2.imwrite(str(folder / "Frames" / name / f"{number:05d}.png"), frame)
    boxes = {
        n: np.float32([[f + 1, 10, 20, 50, 70] for f in range(len(videos[n]))]) for n in videos
    }
    annotations = {
        "labels": list(LABELS),
        "gttubes": {name: {LABELS.index(name[:4]): [boxes[name]]} for name in videos},
        "nframes": {name: len(frames) for name, frames in videos.items()},
        "resolution": dict.fromkeys(videos, (96, 128)),
        "train_videos": [[]],
        "test_videos": [list(videos)],
    }
    (folder / "JHMDB-GT.pkl").write_bytes(pickle.dumps(annotations))
    return videos


def _detect(baseline: nn.ModuleDict, frames: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (5, 5, 4) and scores (5, 21) of the five best tubelets, with MOC's preprocessing."""
    images = (np.stack(frames) / 255 - MOC_MEAN) / MOC_STD
    with torch.no_grad():
        features = baseline["backbone"](torch.from_numpy(images).float().permute(0, 3, 1, 2))
        peaks = find_peaks(baseline["center_head"](features[None]), 5)
        centers = follow_centers(peaks, baseline["movement_head"](features[None]))
        boxes = read_boxes(peaks, centers, baseline["size_head"](features)[None], stride=4)[0]
    scores = np.zeros((5, 21))
    scores[range(5), peaks.maps[0]] = peaks.scores[0]
    return np.clip(boxes.numpy(), 0, [127, 95, 127, 95]), scores
