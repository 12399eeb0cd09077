"""Predictors take their networks alike, from wherever a name, a path or a folder leads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stma_d2.checkpoint import training_record
from stma_d2.inference import StreamPredictor, VideoPredictor


@pytest.mark.parametrize("kind", [VideoPredictor, StreamPredictor])
def test_a_path_may_be_a_path(kind, tiny_cfg, tiny_model, tmp_path):
    tiny_cfg.INPUT.SNIPPET_POSITION = "end"
    path = tmp_path / "model_final.pth"
    content = {"model": tiny_model.state_dict(), "settings": training_record(tiny_cfg, ())}
    torch.save(content, path)
    first, second = (
        kind.from_pretrained(one, ["MODEL.DEVICE", "cpu"]) for one in (path, str(path))
    )
    assert type(first) is kind and not first.model.training
    ours, theirs = first.model.state_dict(), second.model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test_a_folder_may_be_a_path(exported):
    first, second = (VideoPredictor.from_onnx(one) for one in (Path(exported), str(exported)))
    assert first.labels == second.labels and first.cfg == second.cfg
