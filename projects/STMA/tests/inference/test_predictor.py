"""Whole videos."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from stma_d2.errors import InputError
from stma_d2.inference import VideoPredictor, describe_video
from stma_d2.visualization import write_video


@pytest.fixture
def cfg(tiny_cfg, tiny_model, tmp_path):
    tiny_cfg.TEST.WINDOWS_PER_CHUNK = 4
    tiny_cfg.TEST.LINKING.MIN_TUBELET_SCORE = 0.0  # a network without training is sure of nothing
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


def test_every_window_gets_its_tubelets_in_the_videos_pixels(cfg, video):
    tubelets = VideoPredictor(cfg).predict_tubelets(describe_video(video))
    assert tubelets.windows.tolist() == list(range(1, 19))
    assert tubelets.boxes.shape == (18, 10, 3, 4)
    assert tubelets.scores.shape == (18, 10, 3)
    assert tubelets.boxes[..., [0, 2]].max() <= 79
    assert tubelets.boxes[..., [1, 3]].max() <= 47


def test_the_size_of_the_chunks_does_not_change_the_result(cfg, video, assert_same_tubelets):
    small = VideoPredictor(cfg).predict_tubelets(describe_video(video))
    cfg.TEST.WINDOWS_PER_CHUNK = 50
    large = VideoPredictor(cfg).predict_tubelets(describe_video(video))
    assert_same_tubelets(small, large)


def test_tubes_come_best_first_and_progress_sees_every_chunk(cfg, video):
    chunks = []

    def progress(items):
        for item in items:
            chunks.append(item)
            yield item

    tubes = VideoPredictor(cfg)(video, progress)
    assert len(chunks) == 5
    scores = [tube.score for tube in tubes]
    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)
    assert all(1 <= tube.frames[0] and tube.frames[-1] <= 20 for tube in tubes)


def test_a_video_shorter_than_the_snippet_has_one_window(cfg, tmp_path):
    path = str(tmp_path / "short.mp4")
    write_video(path, (np.full((48, 80, 3), 99, np.uint8) for _ in range(2)), fps=25)
    assert VideoPredictor(cfg).predict_tubelets(describe_video(path)).windows.tolist() == [1]


def test_missing_weights_are_named(cfg):
    cfg.MODEL.WEIGHTS = "no/such.pth"
    with pytest.raises(InputError, match=r"no/such\.pth"):
        VideoPredictor(cfg)


def test_weights_of_another_configuration_are_refused(cfg):
    cfg.MODEL.STMA.NUM_CLASSES = 4
    with pytest.raises(InputError, match="action_head"):
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
