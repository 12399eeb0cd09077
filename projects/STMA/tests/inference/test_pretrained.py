"""A trained checkpoint alone makes a predictor, by its path or by its name in the zoo."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from stma_d2.checkpoint import training_record
from stma_d2.errors import InputError
from stma_d2.inference import StreamPredictor, VideoPredictor
from stma_d2.visualization import write_video

LABELS = ["wave", "jump", "sit"]


@pytest.fixture
def checkpoint(tiny_cfg, tiny_model, tmp_path):
    """What a training on three labels leaves; gives its path."""
    tiny_cfg.INPUT.SNIPPET_POSITION = "end"
    tiny_cfg.TEST.LINKING.MIN_TUBELET_SCORE = 0.0
    tiny_cfg.DATASETS.TRAIN = tiny_cfg.DATASETS.TEST = ("gone_train",)
    record = {**training_record(tiny_cfg, ()), "the labels": LABELS}
    path = tmp_path / "model_final.pth"
    torch.save({"model": tiny_model.state_dict(), "trainer": {"settings": record}}, path)
    return str(path)


@pytest.fixture
def video(tmp_path):
    path = str(tmp_path / "video.mp4")
    write_video(path, (np.full((48, 80, 3), 12 * i, np.uint8) for i in range(20)), fps=25)
    return path


def test_a_checkpoints_path_is_enough(checkpoint, video, tiny_cfg, tiny_model):
    ours = VideoPredictor.from_pretrained(checkpoint, ["MODEL.DEVICE", "cpu"])
    theirs = VideoPredictor(tiny_cfg, tiny_model, LABELS)
    assert ours.labels == tuple(LABELS)
    assert json.loads(ours(video).to_json()) == json.loads(theirs(video).to_json())
    assert ours(video).tubes[0].name in LABELS


def test_a_stream_takes_it_too_and_overrides_change_it(checkpoint):
    predictor = StreamPredictor.from_pretrained(checkpoint, ["TEST.LINKING.MIN_TUBE_LENGTH", 3])
    assert predictor.labels == tuple(LABELS)
    assert predictor.cfg.TEST.LINKING.MIN_TUBE_LENGTH == 3
    step = predictor.push(np.zeros((48, 80, 3), np.uint8))
    assert step.frame_number == 1


def test_a_name_is_looked_up_in_the_zoo(checkpoint, monkeypatch):
    monkeypatch.setattr(
        "stma_d2.model_zoo.checkpoints.get_checkpoint_url", {"a/b.yaml": checkpoint}.__getitem__
    )
    assert VideoPredictor.from_pretrained("a/b.yaml").labels == tuple(LABELS)


def test_labels_that_are_not_as_many_as_the_classes_are_refused(tiny_cfg, tiny_model):
    with pytest.raises(InputError, match="there are 2 labels, the network 3 classes"):
        VideoPredictor(tiny_cfg, tiny_model, LABELS[:2])
