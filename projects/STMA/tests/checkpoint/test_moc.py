"""Whole MOC models give MOC's head maps and detections here, and evaluate."""

from __future__ import annotations

import pickle
import runpy
import shutil
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model
from torch import nn

from stma_d2.checkpoint import ORIGINS, TubeletCheckpointer, convert, convert_moc
from stma_d2.config import load_config
from stma_d2.data import register_tube_dataset
from stma_d2.data.datasets.jhmdb_21 import LABELS
from stma_d2.engine import Trainer
from stma_d2.errors import InputError
from stma_d2.evaluation import load_detections
from stma_d2.model_zoo import get_config_file
from stma_d2.modeling.box_coder import WidthHeightCoder
from stma_d2.modeling.decoding import find_peaks, follow_centers, read_boxes

PROJECT = Path(__file__).resolve().parents[2]
# The name of the small data set.
NOISE = "two_videos_of_noise"
# Of intensities in [0, 1], BGR.
MOC_MEAN = np.array([0.40789654, 0.44719302, 0.47026115])
MOC_STD = np.array([0.28863828, 0.27408164, 0.27809835])


@pytest.fixture(scope="module")
def converted(moc_model, tmp_path_factory) -> Iterator[Path]:
    """A published MOC checkpoint (K = 5, 21 classes) after tools/convert_weights.py."""
    folder = tmp_path_factory.mktemp("converted")
    checkpoint = {f"module.{key}": value for key, value in moc_model.items()}
    torch.save({"epoch": 12, "best": 100, "state_dict": checkpoint}, folder / "moc.pth")
    tool = runpy.run_path(str(PROJECT / "tools" / "convert_weights.py"))
    tool["main"]([str(folder / "moc.pth"), "--output", str(folder / "moc.pkl")])
    yield folder / "moc.pkl"
    shutil.rmtree(folder)  # 170 MB


@pytest.fixture(scope="module")
def cfg() -> CfgNode:
    """A MOC configuration for that checkpoint and small frames."""
    size = ["INPUT.SNIPPET_LENGTH", "5", "INPUT.CLIP_LENGTH", "5", "INPUT.SIZE", "(96, 128)"]
    test = ["TEST.TUBELETS_PER_WINDOW", "5", "MODEL.DEVICE", "cpu", "DATALOADER.NUM_WORKERS", "0"]
    return load_config(get_config_file("MOC/JHMDB-21_DLA34_K7_split1.yaml"), [*size, *test])


@pytest.fixture(scope="module")
def model(cfg, converted) -> nn.Module:
    """The configured model with that checkpoint's weights."""
    model = build_model(cfg).eval()
    TubeletCheckpointer(model).load(str(converted))  # refuses anything missing or unexpected
    return model


def test_a_converted_model_gives_moc_s_maps(model, golden, golden_input):
    frames = torch.cat([golden_input(f"mocnet_a{i}", (1, 3, 96, 128)) for i in range(5)])
    heat, movement, sizes = _head_maps(model, frames)
    expected = {name: torch.from_numpy(value) for name, value in golden("moc_net_k5_c21").items()}
    assert torch.allclose(heat, expected["hm_logits"], rtol=0, atol=1e-5)
    assert torch.allclose(movement, expected["mov"], rtol=0, atol=1e-5)
    assert torch.allclose(sizes.flatten(0, 1)[None], expected["wh"], rtol=0, atol=1e-5)


def test_every_key_is_accounted_for(moc_model):
    assert convert_moc(moc_model).keys() == convert(moc_model, ORIGINS["moc"]).weights.keys()
    conversion = convert(moc_model, ORIGINS["moc"])
    assert set(conversion.sources.values()) | conversion.dropped.keys() == moc_model.keys()
    assert {key.split(".")[2] for key in conversion.dropped} <= {"level3", "level4"}
    assert conversion.missing == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"branch.mov.2.weight": torch.zeros(10)}, r"no convolution branch\.mov\.2\.weight"),
        (
            {
                "branch.mov.2.weight": torch.zeros(14, 256, 1, 1),  # K = 7, by one head of three
                "branch.mov.2.bias": torch.zeros(14),
            },
            r"branch\.hm\.0\.weight is \(256, 320, 3, 3\), not",
        ),
        ({"branch.offset.0.bias": torch.zeros(256)}, r"no place for branch\.offset\.0\.bias"),
        ({"branch.scale": torch.zeros(1)}, r"no place for branch\.scale"),
    ],
)
def test_other_heads_are_refused(moc_model, change, reason):
    with pytest.raises(InputError, match=reason):
        convert_moc(moc_model | change)


def test_what_lacks_a_part_is_refused(moc_model, dla34):
    with pytest.raises(InputError, match=r"no convolution branch\.hm\.0\.weight"):
        convert_moc(dla34)
    without = {key: value for key, value in moc_model.items() if "_up." not in key}
    with pytest.raises(InputError, match=r"incomplete: nothing for backbone\.dla_up"):
        convert_moc(without)


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
    conversion = convert(
        {k: torch.empty(s, device="meta") for k, s in shapes.items()}, ORIGINS["moc"]
    )

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


def test_a_converted_model_evaluates(cfg, model, tmp_path):
    """On two short videos it detects, window by window, what its maps say."""
    videos = _write_jhmdb(tmp_path / "JHMDB")
    annotations = str(tmp_path / "JHMDB" / "JHMDB-GT.pkl")
    register_tube_dataset(NOISE, annotations, str(tmp_path / "JHMDB" / "Frames"), subset="test")
    cfg = cfg.clone()
    cfg.DATASETS.TEST, cfg.OUTPUT_DIR = (NOISE,), str(tmp_path)
    Trainer.test(cfg, model)

    found = load_detections(tmp_path / "inference" / NOISE / "detections.npz").tubelets
    assert found.keys() == videos.keys()
    for name, frames in videos.items():
        windows = range(len(frames) - 4)
        assert found[name].windows.tolist() == [first + 1 for first in windows]
        for first in windows:
            boxes, scores = _detect(model, frames[first : first + 5])
            np.testing.assert_allclose(found[name].scores[first], scores, atol=1e-5)
            np.testing.assert_allclose(found[name].boxes[first], boxes, atol=1e-3)


def _moc_shapes(
    published_keys: dict, backbone: str, num_frames: int, classes: int, size_width: int
) -> dict[str, list[int]]:
    """Keys and shapes of a published MOC model."""
    shapes = {f"backbone.{key}": shape for key, shape in published_keys[backbone].items()}
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


def _head_maps(model: nn.Module, frames: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Center logits (1, C, h, w), movement (1, 2K, h, w) and sizes (K, 2, h, w) of K frames."""
    with torch.no_grad():
        features = model.backbone(frames)
        snippet = features[None]
        return model.center_head(snippet), model.movement_head(snippet), model.size_head(features)


def _detect(model: nn.Module, pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (5, 5, 4) and scores (5, 21) of the five best tubelets, with MOC's preprocessing."""
    images = (np.stack(pictures) / 255 - MOC_MEAN) / MOC_STD
    frames = torch.from_numpy(images).float().permute(0, 3, 1, 2)
    heat, movement, sizes = _head_maps(model, frames)
    peaks = find_peaks(heat.sigmoid(), 5)
    centers = follow_centers(peaks, movement)
    boxes = read_boxes(peaks, centers, sizes[None], WidthHeightCoder(4))
    scores = np.zeros((5, 21))
    scores[range(5), peaks.maps[0]] = peaks.scores[0]
    return np.clip(boxes[0].numpy(), 0, [127, 95, 127, 95]), scores
