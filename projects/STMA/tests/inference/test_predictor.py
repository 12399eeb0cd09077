"""Whole videos."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from stma_d2.data import open_frames
from stma_d2.data.datasets.synthetic_actions import draw_video
from stma_d2.data.datasets.synthetic_levels import LEVELS
from stma_d2.errors import InputError
from stma_d2.inference import VideoPredictor, describe_video
from stma_d2.visualization import write_video


@pytest.fixture
def cfg(tiny_cfg, tiny_model, tmp_path):
    tiny_cfg.TEST.WINDOWS_PER_CHUNK = 4
    tiny_cfg.TEST.LINKING.MIN_TUBELET_SCORE = 0.0  # a network without training is sure of nothing
    tiny_cfg.DATASETS.TEST = ()
    tiny_cfg.OUTPUT_DIR = str(tmp_path)
    tiny_cfg.MODEL.WEIGHTS = str(tmp_path / "weights.pth")
    torch.save({"model": tiny_model.state_dict()}, tiny_cfg.MODEL.WEIGHTS)
    return tiny_cfg


@pytest.fixture
def video(tmp_path):
    """A video file of 20 frames of 48 x 80 pixels, each of its own grey."""
    path = str(tmp_path / "video.mp4")
    write_video(path, (np.full((48, 80, 3), 12 * i, np.uint8) for i in range(20)), fps=25)
    return path


def test_a_video_file_is_described_by_what_it_holds(video):
    described = describe_video(video)
    assert (described["num_frames"], described["height"], described["width"]) == (20, 48, 80)


def test_a_path_may_be_a_path(cfg, video):
    predictor = VideoPredictor(cfg)
    assert predictor(Path(video)).to_json() == predictor(video).to_json()


def test_every_window_gets_its_tubelets_in_the_videos_pixels(cfg, video):
    tubelets = VideoPredictor(cfg).predict_tubelets(describe_video(video))
    assert tubelets.windows.tolist() == list(range(1, 19))
    assert tubelets.boxes.shape == (18, 10, 3, 4)
    assert tubelets.scores.shape == (18, 10, 3)
    assert tubelets.boxes[..., [0, 2]].max() <= 79
    assert tubelets.boxes[..., [1, 3]].max() <= 47


def test_tubes_come_best_first_and_progress_sees_every_chunk(cfg, video):
    chunks = []

    def progress(items):
        for item in items:
            chunks.append(item)
            yield item

    tubes = VideoPredictor(cfg)(video, progress).tubes
    assert len(chunks) == 5
    scores = [tube.score for tube in tubes]
    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)
    assert all(1 <= tube.frames[0] and tube.frames[-1] <= 20 for tube in tubes)


def test_a_video_shorter_than_the_snippet_has_one_window(cfg, tmp_path):
    path = str(tmp_path / "short.mp4")
    write_video(path, (np.full((48, 80, 3), 99, np.uint8) for _ in range(2)), fps=25)
    assert VideoPredictor(cfg).predict_tubelets(describe_video(path)).windows.tolist() == [1]


def test_frames_in_memory_give_the_tubes_of_the_file(cfg, video):
    predictor = VideoPredictor(cfg)
    frames = np.stack(list(open_frames(video)))
    ours, theirs = predictor(frames, fps=10), predictor(video)
    assert (len(ours.times) - 1, ours.height, ours.width) == (20, 48, 80)
    assert len(ours.tubes) == len(theirs.tubes) > 1
    for one, other in zip(ours.tubes, theirs.tubes, strict=True):
        assert (one.frames.tolist(), one.label) == (other.frames.tolist(), other.label)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)
        # The file has 25 frames a second.
        assert one.end_seconds == pytest.approx(one.frames[-1] / 10)
        assert other.end_seconds == pytest.approx(other.frames[-1] / 25)


def test_a_model_and_a_configuration_need_no_file_of_weights(cfg, tiny_model, video):
    loaded = VideoPredictor(cfg)(video)
    cfg.MODEL.WEIGHTS = "no/such.pth"
    result = VideoPredictor(cfg, tiny_model, labels=("wave", "jump", "sit"))(video)
    assert result.labels == ("wave", "jump", "sit")
    assert [t.score for t in result.tubes] == [t.score for t in loaded.tubes]
    assert result.tubes[0].name == result.labels[result.tubes[0].label]
    assert loaded.labels == ("class 0", "class 1", "class 2")


def test_short_videos_are_told_when_tubes_must_be_longer(cfg, tmp_path, caplog):
    path = str(tmp_path / "short.mp4")
    write_video(path, (np.full((48, 80, 3), 99, np.uint8) for _ in range(10)), fps=25)
    assert VideoPredictor(cfg)(path).tubes == []
    assert "short.mp4 has 10 frames" in caplog.text and "MIN_TUBE_LENGTH" in caplog.text
    caplog.clear()
    cfg.TEST.LINKING.MIN_TUBE_LENGTH = 10
    assert len(VideoPredictor(cfg)(path).tubes) > 0
    assert caplog.text == ""


def test_missing_weights_are_named(cfg):
    cfg.MODEL.WEIGHTS = "no/such.pth"
    with pytest.raises(InputError, match=r"no/such\.pth"):
        VideoPredictor(cfg)


def test_each_frame_is_computed_once_and_the_next_chunk_is_read_meanwhile(cfg, video, count_rows):
    predictor = VideoPredictor(cfg)
    frames, readers, reader = count_rows(predictor.model.backbone), [], predictor.mapper

    def read(chunk):
        readers.append(threading.current_thread())
        return reader(chunk)

    predictor.mapper = read
    predictor.predict_tubelets(describe_video(video))
    assert sum(frames) == 20
    assert len(readers) == 5 and threading.main_thread() not in readers


def test_a_frame_that_cannot_be_read_ends_the_prediction(cfg, video):
    described = {**describe_video(video), "num_frames": 30}
    with pytest.raises(InputError, match="30 frames"):
        VideoPredictor(cfg).predict_tubelets(described)


def test_an_exported_network_finds_the_tubes_of_the_network_itself(exported, tmp_path):
    _, frames = draw_video([3, 8], LEVELS["easy"], 160, seed=1)
    write_video(str(tmp_path / "video.mp4"), frames, fps=25)
    results = [
        predictor(str(tmp_path / "video.mp4"))
        for predictor in (
            VideoPredictor.from_onnx(str(exported)),
            VideoPredictor.from_pretrained("Synthetic/STMA_tiny_K5.yaml", ["MODEL.DEVICE", "cpu"]),
        )
    ]
    assert results[0].labels == results[1].labels
    assert len(results[1].tubes) >= 2
    for ours, expected in zip(results[0].tubes, results[1].tubes, strict=True):
        assert ours.name == expected.name and ours.score == pytest.approx(expected.score, abs=1e-4)
        np.testing.assert_array_equal(ours.frames, expected.frames)
        np.testing.assert_allclose(ours.boxes, expected.boxes, atol=1e-2)
