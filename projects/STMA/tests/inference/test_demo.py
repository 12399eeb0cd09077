"""The demo command, as a user types it."""

from __future__ import annotations

import sys

import av
import numpy as np
import pytest
import torch
from detectron2.modeling import build_model

from stma_d2.config import load_config
from stma_d2.inference.demo import command_line
from stma_d2.model_zoo import get_config_file
from stma_d2.visualization import write_video

CONFIG = get_config_file("Synthetic/STMA_tiny_K5.yaml")
SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.STEM_CHANNELS", "8", "INPUT.SIZE", "(64, 64)"),
    *("MODEL.STMA.HEAD_CHANNELS", "8", "MODEL.STMA.ACTION.CHANNELS", "8"),
]


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "in.mp4"
    write_video(path, (np.full((48, 64, 3), 9 * i, np.uint8) for i in range(20)), fps=10)
    return str(path)


def test_every_frame_is_drawn_into_a_playable_file(video, tmp_path, monkeypatch, capsys):
    weights, output = str(tmp_path / "weights.pth"), tmp_path / "out.mp4"
    torch.manual_seed(0)
    torch.save({"model": build_model(load_config(CONFIG, SMALL)).state_dict()}, weights)
    arguments = ["--config-file", CONFIG, "--input", video, "--output", str(output)]
    overrides = ["--min-score", "0", *SMALL, "MODEL.WEIGHTS", weights]
    monkeypatch.setattr(sys, "argv", ["demo.py", *arguments, *overrides])
    command_line()
    with av.open(str(output)) as container:
        assert container.streams.video[0].average_rate == 10
        assert sum(1 for _ in container.decode(video=0)) == 20
    assert "tubes of score 0.0 or more drawn into" in capsys.readouterr().out


def test_a_missing_video_ends_in_one_message(tmp_path, monkeypatch):
    weights = str(tmp_path / "weights.pth")
    torch.save({"model": build_model(load_config(CONFIG, SMALL)).state_dict()}, weights)
    arguments = ["--config-file", CONFIG, "--input", "no.mp4", "--output", str(tmp_path / "o.mp4")]
    monkeypatch.setattr(sys, "argv", ["demo.py", *arguments, *SMALL, "MODEL.WEIGHTS", weights])
    with pytest.raises(SystemExit, match=r"error: .*no\.mp4"):
        command_line()
