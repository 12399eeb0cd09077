"""The demo command, as a user types it."""

from __future__ import annotations

import re
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
    scene = np.kron(np.random.default_rng(0).integers(0, 99, (6, 8, 3)), np.ones((8, 8, 1)))
    write_video(path, ((scene + 3 * i).astype(np.uint8) for i in range(20)), fps=10)
    return str(path)


@pytest.fixture
def weights(tmp_path):
    path = str(tmp_path / "weights.pth")
    torch.manual_seed(0)
    torch.save({"model": build_model(load_config(CONFIG, SMALL)).state_dict()}, path)
    return path


@pytest.fixture
def run_demo(monkeypatch, capsys):
    """Runs the command and gives what it printed."""

    def run(*arguments, overrides=()):
        command = ["demo.py", "--config-file", CONFIG, *arguments, *SMALL, *overrides]
        monkeypatch.setattr(sys, "argv", command)
        command_line()
        return capsys.readouterr().out

    return run


def tubes_in(printed):
    """Class and frames of each tube: its score may be rounded the other way."""
    return sorted(re.sub(r"score \S+", "", line) for line in printed.splitlines()[:-1])


def frames_in(path):
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 10
        return sum(1 for _ in container.decode(video=0))


def test_every_frame_is_drawn_into_a_playable_file(video, weights, tmp_path, run_demo):
    output = tmp_path / "out.mp4"
    arguments = ["--input", video, "--output", str(output), "--min-score", "0"]
    printed = run_demo(*arguments, overrides=["MODEL.WEIGHTS", weights])
    assert frames_in(output) == 20
    assert "tubes of score 0.0 or more drawn into" in printed


def test_a_stream_is_drawn_as_it_comes_and_has_the_same_tubes(video, weights, tmp_path, run_demo):
    arguments = ["--input", video, "--min-score", "0", "--output"]
    overrides = ["MODEL.WEIGHTS", weights, "INPUT.SNIPPET_POSITION", "end"]
    overrides += ["TEST.LINKING.MIN_TUBELET_SCORE", "0.0"]
    output = tmp_path / "stream.mp4"
    streamed = run_demo("--stream", *arguments, str(output), overrides=overrides)
    whole = run_demo(*arguments, str(tmp_path / "whole.mp4"), overrides=overrides)
    assert frames_in(output) == 20
    assert tubes_in(streamed) == tubes_in(whole) != []


def test_a_stream_of_a_network_that_looks_ahead_is_refused(video, weights, tmp_path, run_demo):
    arguments = ["--stream", "--input", video, "--output", str(tmp_path / "o.mp4")]
    with pytest.raises(SystemExit, match=r"error: .*set INPUT\.SNIPPET_POSITION to 'end'"):
        run_demo(*arguments, overrides=["MODEL.WEIGHTS", weights])


def test_a_camera_that_does_not_open_ends_in_one_message(weights, tmp_path, run_demo, monkeypatch):
    monkeypatch.chdir(tmp_path)
    overrides = ["MODEL.WEIGHTS", weights, "INPUT.SNIPPET_POSITION", "end"]
    with pytest.raises(SystemExit, match="error: OpenCV cannot open camera 99"):
        run_demo("--input", "99", "--output", "o.mp4", overrides=overrides)
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "in.mp4"], "--output is missing"),
        (["--input", "in.mp4", "--output", "o.mp4", "--show"], "--show goes with a camera or"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run_demo, capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        run_demo(*arguments)
    assert message in capsys.readouterr().err


def test_a_missing_video_ends_in_one_message(weights, tmp_path, run_demo):
    arguments = ["--input", "no.mp4", "--output", str(tmp_path / "o.mp4")]
    with pytest.raises(SystemExit, match=r"error: .*no\.mp4"):
        run_demo(*arguments, overrides=["MODEL.WEIGHTS", weights])
