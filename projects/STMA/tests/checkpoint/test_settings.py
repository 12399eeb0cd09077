"""A checkpoint is used as what it was trained as, or the result says that it is not."""

from __future__ import annotations

import logging

import pytest
import torch
from detectron2.data import MetadataCatalog
from detectron2.modeling import build_model

from stma_d2.checkpoint import (
    changed_keys,
    changed_settings,
    load_for_evaluation,
    network_settings,
    record_of,
    trained_config,
    training_record,
)
from stma_d2.config import load_config
from stma_d2.errors import InputError
from stma_d2.version import __version__

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
    assert load_for_evaluation(build_model(cfg), cfg).path == cfg.MODEL.WEIGHTS
    cfg.merge_from_list(change)
    with pytest.raises(InputError, match=rf"model_final\.pth: {words}"):
        load_for_evaluation(build_model(cfg), cfg)
    cfg.TEST.OTHER_SETTINGS = True
    with caplog.at_level(logging.WARNING, "stma_d2.checkpoint"):
        load_for_evaluation(build_model(cfg), cfg)
    assert "TEST.OTHER_SETTINGS" in caplog.text


def test_a_network_whose_class_map_was_read_elsewhere_is_refused(own):
    """The record of such a training lacks a key that came with today's reading."""
    path, cfg = own
    checkpoint = torch.load(path)
    record = checkpoint["trainer"]["settings"]
    assert changed_settings(record, network_settings(cfg, [TRAIN])) == []
    config = record["config"].replace("    OUT_STRIDE: 16\n", "")
    assert len(config) < len(record["config"])
    # A network without a class map has no reading of it.
    base = config.replace("CLASS_AGNOSTIC: true", "CLASS_AGNOSTIC: false")
    assert changed_settings({**record, "config": base}, network_settings(cfg, [TRAIN])) == []
    record["config"] = config
    torch.save(checkpoint, path)
    told = r"the class map's pixel i: at \(i \+ 1/2\) strides in its training, at i strides now"
    with pytest.raises(InputError, match=told):
        load_for_evaluation(build_model(cfg), cfg)
    cfg.TEST.OTHER_SETTINGS = True
    load_for_evaluation(build_model(cfg), cfg)


def test_what_a_network_without_3d_backbone_never_sees_may_differ(cfg):
    cfg.MODEL.BACKBONE_3D.NAME = ""
    assert "INPUT.CLIP_LENGTH" not in network_settings(cfg, [TRAIN])


def test_keys_of_detectron2s_backbones_are_compared_where_one_is_used(cfg):
    """They change what ResNets and feature pyramids compute, and no weight's shape."""
    keys = {"MODEL.FPN.FUSE_TYPE", "MODEL.RESNETS.RES5_DILATION", "MODEL.RESNETS.STRIDE_IN_1X1"}
    assert not keys & network_settings(cfg, [TRAIN]).keys()
    cfg.MODEL.BACKBONE.NAME = "build_resnet_fpn_backbone"
    trained = network_settings(cfg, [TRAIN])
    assert keys <= trained.keys()
    cfg.MODEL.FPN.FUSE_TYPE = "avg"
    changes = changed_settings(trained, network_settings(cfg, [TRAIN]))
    assert changes == [("MODEL.FPN.FUSE_TYPE", "sum", "avg")]


def test_unknown_labels_are_not_compared(cfg):
    cfg.DATASETS.TEST = ("not_read_yet",)
    load_for_evaluation(build_model(cfg), cfg)


@pytest.fixture
def own(cfg):
    """A checkpoint that carries all of its training; gives its path and its configuration."""
    cfg.DATASETS.FILES = ("no_such.yaml",)
    cfg.TEST.LINKING.MIN_TUBE_LENGTH = 7
    cfg.OUTPUT_DIR = "elsewhere"
    checkpoint = torch.load(cfg.MODEL.WEIGHTS)
    record = training_record(cfg, [TRAIN])
    torch.save({**checkpoint, "trainer": {"settings": record}}, cfg.MODEL.WEIGHTS)
    return cfg.MODEL.WEIGHTS, cfg


def test_a_checkpoint_alone_tells_how_it_is_used(own):
    path, cfg = own
    used = trained_config(path, ["TEST.PROTOCOL", "act"])
    assert (used.MODEL.WEIGHTS, used.TEST.PROTOCOL) == (path, "act")
    assert used.TEST.LINKING == cfg.TEST.LINKING and used.INPUT == cfg.INPUT
    assert used.MODEL.STMA == cfg.MODEL.STMA and used.MODEL.BACKBONE_3D == cfg.MODEL.BACKBONE_3D
    # Of data sets and folders of the training nothing is needed.
    assert (used.DATASETS.FILES, used.DATASETS.TEST, used.OUTPUT_DIR) == ((), (), "./output")
    assert load_for_evaluation(build_model(used), used).labels == ("Run", "Jump", "Sit")


def test_a_key_younger_than_the_record_counts_as_its_default():
    cfg = load_config("Synthetic/STMA_tiny_K5.yaml", ["MODEL.DEVICE", "cpu"])
    record = {"config": cfg.dump().replace("    OUT_STRIDE: 16\n", "")}
    assert "OUT_STRIDE" not in record["config"]
    assert changed_keys(record, cfg) == [("MODEL.BACKBONE_3D.OUT_STRIDE", 32, 16)]
    cfg.MODEL.BACKBONE_3D.OUT_STRIDE = 32
    assert changed_keys(record, cfg) == []


def test_the_record_is_found_in_a_training_and_in_a_published_checkpoint(cfg):
    record = training_record(cfg, [TRAIN])
    assert record["version"] == __version__ and record["the labels"] == ["Run", "Jump", "Sit"]
    assert record_of({"trainer": {"settings": record}}) == record_of({"settings": record}) == record
    assert record_of({"model": {}}) == record_of({"settings": 3}) == {}


def test_a_checkpoint_that_does_not_say_its_configuration_is_refused(cfg):
    with pytest.raises(InputError, match=r"does not say its configuration.*--config-file FILE"):
        trained_config(cfg.MODEL.WEIGHTS)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            "MODEL: {NO_SUCH_KEY: 1}",
            rf"is of stma_d2 9\.9 and this is {__version__}: .*NO_SUCH_KEY",
        ),
        ("TEST: {FLIP: !!python/object/apply:os.getcwd []}", "configuration in .*cannot be read"),
        ("- 1", "holds no keys"),
    ],
)
def test_a_configuration_of_another_version_or_a_hostile_one_is_refused(own, config, words):
    path, _ = own
    checkpoint = torch.load(path)
    checkpoint["trainer"]["settings"] |= {"config": config, "version": "9.9"}
    torch.save(checkpoint, path)
    with pytest.raises(InputError, match=words):
        trained_config(path)


def test_a_wrong_override_is_not_the_checkpoints_fault(own):
    with pytest.raises(InputError, match="NO_SUCH_KEY") as error:
        trained_config(own[0], ["NO_SUCH_KEY", 1])
    assert "stma_d2" not in str(error.value)
