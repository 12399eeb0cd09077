"""The command that exports a trained network; tests of `deployment` run what it writes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from stma_d2.data.datasets.synthetic_actions import draw_video
from stma_d2.data.datasets.synthetic_levels import LEVELS
from stma_d2.errors import InputError
from stma_d2.model_zoo import get_checkpoint_url
from stma_d2.visualization import write_video

NAME = "Synthetic/STMA_tiny_K5.yaml"


@pytest.fixture(scope="module")
def tool_module(tool):
    return tool("export_model")


def test_a_network_of_the_zoo_becomes_a_whole_folder(exported):
    record = json.loads((exported / "model.json").read_text())
    files = [
        f"{part}.{kind}" for kind in ("onnx", "pt2") for part in ("frames", "clips", "windows")
    ]
    assert sorted(os.listdir(exported)) == sorted([*files, "model.json"])
    assert list(record["files"]) == files
    assert all(file["largest_difference"] <= 1e-5 for file in record["files"].values())
    assert record["files"]["frames.onnx"]["outputs"] == {
        "features": ["D", 64, 32, 32],
        "size": ["D", 4, 32, 32],
        "action": ["D", 64, 8, 8],
    }
    assert record["made_by"]["weights"] == os.path.basename(get_checkpoint_url(NAME))


def test_a_program_of_torch_export_takes_any_number_of_frames(exported):
    module = torch.export.load(exported / "frames.pt2").module()
    features, size, action = module(torch.zeros(3, 3, 128, 128, dtype=torch.uint8))
    assert (features.shape, size.shape) == ((3, 64, 32, 32), (3, 4, 32, 32))
    assert action.shape == (3, 64, 8, 8)


@pytest.fixture
def export(tool_module, tmp_path, monkeypatch):
    """Runs the command up to the export, and gives what it would export."""
    calls = []
    monkeypatch.setattr(tool_module, "export_network", lambda *given: calls.append(given) or {})

    def run(*arguments):
        tool_module.main(["--output", str(tmp_path / "out"), *arguments])
        return calls[-1]

    return run


def test_overrides_and_the_frames_of_a_video_are_taken(export, tmp_path):
    video = str(tmp_path / "video.mp4")
    write_video(video, (np.full((48, 64, 3), 5 * i, np.uint8) for i in range(30)), fps=25)
    overrides = ["TEST.LINKING.MIN_TUBE_LENGTH", "5"]
    weights = get_checkpoint_url(NAME)
    model, cfg, labels, _, frames, formats = export(
        "--weights", weights, "--video", video, *overrides
    )
    assert cfg.TEST.LINKING.MIN_TUBE_LENGTH == 5 and cfg.MODEL.WEIGHTS == weights
    assert labels[0] == "move_left" and formats == ["onnx"] and not model.training
    assert frames.shape[1:] == (48, 64, 3) and 16 <= len(frames) < 30
    means = frames.mean(axis=(1, 2, 3))
    assert np.all(np.abs(means - 5 * np.arange(len(frames))) < 6)


def test_without_a_video_one_is_generated(export):
    *_, frames, _ = export("--model", NAME)
    assert frames.shape[1:] == (256, 256, 3) and len(frames) >= 16
    assert not np.array_equal(frames[0], frames[8])


def test_a_folder_in_the_way_is_told_before_any_work(tool_module, tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("")
    monkeypatch.setattr(tool_module, "VideoPredictor", None)
    with pytest.raises(InputError, match="exists already"):
        tool_module.main(["--model", NAME, "--output", str(tmp_path)])


def test_the_guides_programs_run_as_written(exported, monkeypatch):
    guide = Path(__file__).resolve().parents[2] / "docs" / "DEPLOY.md"
    programs = re.findall(r"^```python\n(.*?)^```", guide.read_text(), re.MULTILINE | re.DOTALL)
    assert len(programs) == 2
    frames = draw_video([3, 8], LEVELS["easy"], 160, seed=1)[1]
    write_video(exported.parent / "street.mp4", frames, fps=25)
    monkeypatch.chdir(exported.parent)
    names = {}
    for program in programs:
        exec(program, names)
    assert names["result"].tubes
    assert names["features"].shape == (2, 64, 32, 32)
