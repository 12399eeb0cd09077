"""The tool on a generated video."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.errors import InputError
from stma_d2.structures import Tube

NAME = "one_tiny_video_to_look_at"


@pytest.fixture(scope="module")
def main(tool) -> Callable:
    return tool("visualize_data").main


@pytest.fixture
def config(tmp_path: Path) -> Iterator[str]:
    """A configuration file whose training set is one registered video of 8 frames."""
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(1, 9):
        cv2.imwrite(str(frames / f"{number:05d}.png"), np.full((48, 64, 3), 90, np.uint8))
    tube = Tube(np.arange(1, 9), np.tile(np.array([8, 8, 40, 30], np.float32), (8, 1)), 1)
    video = {
        "video_id": "Jump/jump_01",
        "num_frames": 8,
        "height": 48,
        "width": 64,
        "path": str(frames),
        "tubes": [tube],
    }
    DatasetCatalog.register(NAME, lambda: [video])
    MetadataCatalog.get(NAME).set(thing_classes=["Run", "Jump"])
    path = tmp_path / "config.yaml"
    keys = {
        "VERSION": 2,
        "INPUT": {"SIZE": [64, 96], "SNIPPET_LENGTH": 3, "CLIP_LENGTH": 4},
        "MODEL": {"STMA": {"NUM_CLASSES": 2}},
        "DATASETS": {"TRAIN": [NAME]},
    }
    path.write_text(json.dumps(keys))  # which is YAML too
    yield str(path)
    DatasetCatalog.remove(NAME)
    MetadataCatalog.remove(NAME)


def test_writes_one_picture_a_window_and_the_same_again(
    main: Callable, config: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "deep" / "second"
    main(["--config-file", config, "--output", str(first), "--num", "3"])
    main(["--config-file", config, "--output", str(second), "--num", "3"])
    pictures = sorted(path.name for path in first.glob("Jump*.png"))
    assert len(pictures) == 3
    assert all(name.startswith("Jump_jump_01_0000") for name in pictures)
    for name in (*pictures, "classes.png"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert cv2.imread(str(first / pictures[0])) is not None
    page = (first / "data.html").read_text()
    assert page == (second / "data.html").read_text()
    assert f"Data set {NAME}" in page and "Jump/jump_01" in page


def test_takes_overrides_and_stops_at_the_last_window(
    main: Callable, config: str, tmp_path: Path
) -> None:
    output = tmp_path / "pictures"
    main(["--config-file", config, "--output", str(output), "INPUT.SNIPPET_LENGTH", "1"])
    assert len(list(output.glob("Jump*.png"))) == 8


def test_wrong_class_count_is_refused(main: Callable, config: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MODEL.STMA.NUM_CLASSES"):
        main(["--config-file", config, "--output", str(tmp_path), "MODEL.STMA.NUM_CLASSES", "3"])
