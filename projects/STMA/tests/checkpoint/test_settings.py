"""A checkpoint is used as what it was trained as, or the result says that it is not."""

from __future__ import annotations

import logging

import pytest
import torch
from detectron2.data import MetadataCatalog
from detectron2.modeling import build_model

from stma_d2.checkpoint import load_for_evaluation, network_settings
from stma_d2.errors import InputError

TRAIN, OTHER = "a_set_of_runs_and_jumps", "a_set_of_others"


@pytest.fixture(autouse=True)
def labels():
    MetadataCatalog.get(TRAIN).thing_classes = ["Run", "Jump", "Sit"]
    MetadataCatalog.get(OTHER).thing_classes = ["Walk", "Talk", "Sit"]
    yield
    for name in (TRAIN, OTHER):
        MetadataCatalog.remove(name)


@pytest.fixture
def cfg(tiny_cfg, tiny_model, tmp_path):
    """A configuration and the checkpoint that was trained with it."""
    tiny_cfg.DATASETS.TEST = (TRAIN,)
    tiny_cfg.MODEL.WEIGHTS = str(tmp_path / "model_final.pth")
    settings = network_settings(tiny_cfg, [TRAIN])
    content = {"model": tiny_model.state_dict(), "trainer": {"settings": settings}}
    torch.save(content, tiny_cfg.MODEL.WEIGHTS)
    return tiny_cfg


CHANGES = [
    (["INPUT.SNIPPET_POSITION", "end"], "INPUT.SNIPPET_POSITION: middle in its training, end now"),
    (["MODEL.PIXEL_MEAN", [1.0, 2.0, 3.0]], "MODEL.PIXEL_MEAN: "),
    (["INPUT.SIZE", (64, 96)], r"INPUT.SIZE: \[64, 64\] .*, \[64, 96\] now"),
    (["INPUT.CLIP_FRAME_STRIDE", 2], "INPUT.CLIP_FRAME_STRIDE: 1 "),
    (["DATASETS.TEST", (OTHER,)], "the labels: .*Run.*, .*Walk"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_other_settings_are_refused_unless_asked_for(cfg, change, words, caplog):
    assert load_for_evaluation(build_model(cfg), cfg) == cfg.MODEL.WEIGHTS
    cfg.merge_from_list(change)
    with pytest.raises(InputError, match=rf"model_final\.pth: {words}"):
        load_for_evaluation(build_model(cfg), cfg)
    cfg.TEST.OTHER_SETTINGS = True
    with caplog.at_level(logging.WARNING, "stma_d2.checkpoint"):
        load_for_evaluation(build_model(cfg), cfg)
    assert "TEST.OTHER_SETTINGS" in caplog.text


def test_what_a_network_without_3d_backbone_never_sees_may_differ(cfg):
    cfg.MODEL.BACKBONE_3D.NAME = ""
    assert "INPUT.CLIP_LENGTH" not in network_settings(cfg, [TRAIN])


def test_unknown_labels_are_not_compared(cfg):
    cfg.DATASETS.TEST = ("not_read_yet",)
    load_for_evaluation(build_model(cfg), cfg)
