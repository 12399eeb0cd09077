"""A causal network that was exported: a stream through ONNX Runtime, frame by frame."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from stma_d2.deployment import export_network
from stma_d2.errors import InputError
from stma_d2.inference import StreamPredictor, VideoPredictor, describe_video
from stma_d2.inference.demo import command_line
from stma_d2.structures import Tubelets

LABELS = ("run", "jump", "прыжок")


@pytest.fixture
def frames():
    """(18, 48, 80, 3) uint8: a scene that stands almost still, so that there are tubes."""
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 240, (6, 10, 3)), np.ones((8, 8, 1)))
    return (scene + rng.integers(0, 16, (18, *scene.shape))).astype(np.uint8)


@pytest.fixture
def causal(make_network, frames, tmp_path):
    """Configuration and model of a causal network, and the folder of its files."""
    cfg, model = make_network("causal")
    export_network(model, cfg, LABELS, tmp_path / "exported", frames[:12])
    return cfg, model, tmp_path / "exported"


def streamed(predictor, frames):
    """All tubelets and all tubes of a stream."""
    steps = [predictor.push(frame) for frame in frames]
    ended = [tube for step in steps for tube in step.ended]
    tubelets = Tubelets.cat([step.tubelets for step in steps if step.window is not None])
    return tubelets, [*ended, *predictor.finish()]


def assert_equal(found, expected):
    np.testing.assert_array_equal(found.windows, expected.windows)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-2)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)


def test_a_stream_from_the_files_is_the_network_s_own(causal, frames, tmp_path, monkeypatch):
    """Also the whole video's and the demo's (one test, because an export takes seconds)."""
    cfg, model, folder = causal
    exported = StreamPredictor.from_onnx(str(folder))
    assert exported.labels == LABELS
    stream, tubes = streamed(exported, frames)
    expected, expected_tubes = streamed(StreamPredictor(cfg, model, LABELS), frames)
    assert_equal(stream, expected)
    assert len(tubes) >= 2
    for tube, other in zip(tubes, expected_tubes, strict=True):
        assert tube.label == other.label and tube.score == pytest.approx(other.score, abs=1e-4)
        np.testing.assert_array_equal(tube.frames, other.frames)

    video = tmp_path / "video"
    video.mkdir()
    for number, frame in enumerate(frames, start=1):
        cv2.imwrite(str(video / f"{number:05d}.png"), frame)
    whole = VideoPredictor.from_onnx(str(folder)).predict_tubelets(describe_video(str(video)))
    assert_equal(stream, whole)

    found = []
    for options in (["--stream"], []):
        output = tmp_path / "found.json"
        arguments = ["--onnx", str(folder), "--input", str(video), "--min-score", "0", *options]
        words = ["--output", str(output), "TEST.LINKING.MIN_TUBE_LENGTH", "3"]
        monkeypatch.setattr("sys.argv", ["demo.py", *arguments, *words])
        command_line()
        found.append(json.loads(output.read_text())["videos"][0]["tubes"])
    assert len(found[0]) == len(found[1]) >= 2
    for tube, other in zip(*found, strict=True):
        assert [tube[k] for k in ("label", "frames")] == [other[k] for k in ("label", "frames")]
        np.testing.assert_allclose(tube["boxes"], other["boxes"], atol=2e-2)


def test_a_network_that_looks_ahead_is_refused(exported):
    with pytest.raises(InputError, match=r"set INPUT\.SNIPPET_POSITION to 'end', and train"):
        StreamPredictor.from_onnx(str(exported))
