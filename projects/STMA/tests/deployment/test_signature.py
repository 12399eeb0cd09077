"""Files are taken for the parts of a network only where their shapes are that network's."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest

from stma_d2.deployment import load_exported
from stma_d2.deployment.exported import OnnxPart
from stma_d2.deployment.signature import check_signatures
from stma_d2.errors import InputError

STRIDES = {"heatmap": 4, "action": 16}


@pytest.fixture(scope="module")
def parts(exported):
    return {part: OnnxPart(exported / f"{part}.onnx").signature for part in PARTS}


@pytest.fixture
def cfg(exported):
    return load_exported(str(exported)).cfg


PARTS = ("frames", "clips", "windows")


def test_the_parts_of_a_network_fit_its_configuration(parts, cfg):
    check_signatures(parts, cfg, STRIDES)
    assert parts["windows"].inputs["features"] == (5, 64, 32, 32)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("INPUT.SNIPPET_LENGTH", 3, "windows, the outputs movement has 10 x .* must have 6 x"),
        ("INPUT.CLIP_LENGTH", 8, "clips, the inputs clips has 16 x .* must have 8 x"),
        ("INPUT.SIZE", [64, 128], "frames, the inputs frames has 3 x 128 x 128 .* 3 x 64 x 128"),
        ("MODEL.STMA.NUM_CLASSES", 9, "windows, the outputs classes has 10 x .* must have 9 x"),
        ("MODEL.STMA.SIZE.GAUSSIAN", False, "frames, the outputs size has 4 x .* must have 2 x"),
        ("MODEL.STMA.CENTER.CLASS_AGNOSTIC", False, "frames has the outputs features, size, act"),
        ("MODEL.BACKBONE_3D.NAME", "", "windows has the inputs features, action, clips and must"),
    ],
)
def test_another_network_is_named_by_what_does_not_fit(parts, cfg, key, value, words):
    *path, name = key.split(".")
    reduce(lambda node, part: node[part], path, cfg)[name] = value
    with pytest.raises(InputError, match=f"the part {words}"):
        check_signatures(parts, cfg, STRIDES)


@pytest.mark.parametrize("name", STRIDES)
def test_other_strides_do_not_fit(parts, cfg, name):
    with pytest.raises(InputError, match="of the part frames, the outputs"):
        check_signatures(parts, cfg, {**STRIDES, name: 32})


def test_parts_of_two_networks_do_not_fit_each_other(parts, cfg):
    windows = parts["windows"]
    other = replace(windows, inputs={**windows.inputs, "clips": (128, 1, 8, 8)})
    with pytest.raises(InputError, match="windows, the inputs clips has 128 x .* have 256 x 1 x"):
        check_signatures({**parts, "windows": other}, cfg, STRIDES)


def test_a_shape_that_the_file_leaves_open_is_refused(parts, cfg):
    other = replace(parts["clips"], outputs={"features": (None, 1, 8, 8)})
    with pytest.raises(InputError, match=r"clips, the outputs features has \? x 1 x 8 x 8 values"):
        check_signatures({**parts, "clips": other}, cfg, STRIDES)
