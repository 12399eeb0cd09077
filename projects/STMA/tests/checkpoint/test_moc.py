"""Whole MOC models give MOC's head maps here."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.checkpoint import convert_moc, moc_conversion
from stma_d2.errors import InputError
from stma_d2.modeling.backbone import DLA34, ResNet18
from stma_d2.modeling.heads import CenterHead, MovementHead, SizeHead


@pytest.fixture
def baseline() -> nn.ModuleDict:
    """The baseline's parts for K = 5 and 21 classes, under the meta-architecture's names."""
    head = {"in_channels": 64, "hidden_channels": 256}
    return nn.ModuleDict(
        {
            "backbone": DLA34(),
            "center_head": CenterHead(num_frames=5, num_maps=21, **head),
            "movement_head": MovementHead(num_frames=5, **head),
            "size_head": SizeHead(gaussian=False, **head),
        }
    ).eval()


def test_a_moc_model_gives_its_head_maps(moc_model, baseline, golden, golden_input):
    checkpoint = {
        "epoch": 12,
        "best": 100,
        "state_dict": {f"module.{key}": value for key, value in moc_model.items()},
    }
    baseline.load_state_dict(convert_moc(checkpoint))

    with torch.no_grad():
        frames = [golden_input(f"mocnet_a{i}", (1, 3, 96, 128)) for i in range(5)]
        features = baseline["backbone"](torch.cat(frames))
        maps = {
            "hm_logits": baseline["center_head"](features[None]),
            "mov": baseline["movement_head"](features[None]),
            "wh": baseline["size_head"](features).flatten(0, 1)[None],
        }

    expected = golden("moc_net_k5_c21")
    for name, found in maps.items():
        torch.testing.assert_close(found, torch.from_numpy(expected[name]), atol=1e-4, rtol=0)


def test_every_key_is_accounted_for(moc_model):
    conversion = moc_conversion(moc_model)
    assert set(conversion.sources.values()) | conversion.dropped.keys() == moc_model.keys()
    assert {key.split(".")[2] for key in conversion.dropped} <= {"level3", "level4"}
    assert conversion.missing == ()


def test_a_resnet18_model_converts(moc_model):
    names = {"norm": "1", "conv": "0"}
    backbone = {}
    for key, value in ResNet18().state_dict().items():
        part, *rest = key.split(".")
        if part == "up":
            stage, kind = int(rest[0]), rest[1]
            step = {"upsample": 3, "norm": 4}.get(kind)
            if kind == "project":
                step = int(names[rest.pop(2)])
            tail = ".".join(rest[2:]).replace("offset_mask", "conv_offset_mask")
            rest = ["deconv_layer", "deconv_layers", str(6 * stage + step), tail]
        backbone["backbone." + ".".join(rest)] = value
    heads = {key: value for key, value in moc_model.items() if key.startswith("branch.")}
    # MOC's ResNet models have a narrower size branch.
    heads |= {"branch.wh.0.weight": torch.zeros(64, 64, 3, 3), "branch.wh.0.bias": torch.zeros(64)}
    heads |= {"branch.wh.2.weight": torch.zeros(2, 64, 1, 1)}

    weights = convert_moc(backbone | heads)

    in_backbone = {f"backbone.{key}" for key in ResNet18().state_dict()}
    assert {key for key in weights if key.startswith("backbone.")} == in_backbone
    assert weights["size_head.layers.0.weight"].shape == (64, 64, 3, 3)


def test_what_is_no_moc_model_is_refused(moc_model, dla34):
    with pytest.raises(InputError, match=r"no convolution branch\.hm\.0\.weight"):
        convert_moc(dla34)
    with pytest.raises(InputError, match=r"no convolution branch\.mov\.2\.weight"):
        convert_moc(moc_model | {"branch.mov.2.weight": torch.zeros(10)})
    without = {key: value for key, value in moc_model.items() if "_up." not in key}
    with pytest.raises(InputError, match="only the base network"):
        convert_moc(without)


def test_heads_that_disagree_about_k_are_refused(moc_model):
    seven = moc_model | {
        "branch.mov.2.weight": torch.zeros(14, 256, 1, 1),
        "branch.mov.2.bias": torch.zeros(14),
    }
    with pytest.raises(InputError, match=r"branch\.hm\.0\.weight is \(256, 320, 3, 3\), not"):
        convert_moc(seven)


def test_extra_branches_are_refused(moc_model):
    with pytest.raises(InputError, match=r"no place for branch\.offset\.0\.bias"):
        convert_moc(moc_model | {"branch.offset.0.bias": torch.zeros(256)})
    with pytest.raises(InputError, match=r"no place for branch\.scale"):
        convert_moc(moc_model | {"branch.scale": torch.zeros(1)})
