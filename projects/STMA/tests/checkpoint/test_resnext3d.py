"""Weights of Hara et al.'s 3D ResNeXt give their output here."""

from __future__ import annotations

import pytest
import torch

from stma_d2.checkpoint import ORIGINS, convert, convert_resnext3d
from stma_d2.errors import InputError
from stma_d2.modeling.backbone import ResNeXt3D, ResNeXt3D101


@pytest.fixture(scope="module")
def empty_weights(published_keys):
    """ResNeXt-101's keys and shapes, without numbers."""
    shapes = published_keys["resnext101_3d"].items()
    return {key: torch.empty(shape, device="meta") for key, shape in shapes}


def test_resnext101_gives_the_output_of_the_original(published_keys, filled, golden, golden_input):
    checkpoint = {
        "arch": "resnext-101",
        "state_dict": {
            f"module.{k}": v for k, v in filled(published_keys["resnext101_3d"]).items()
        },
    }
    model = ResNeXt3D101().eval()
    model.load_state_dict(convert_resnext3d(checkpoint))

    with torch.no_grad():
        output = model(golden_input("resnext101", (1, 3, 16, 64, 64)))

    expected = torch.from_numpy(golden("resnext101_3d")["output"])
    torch.testing.assert_close(output, expected, atol=1e-4 * expected.std().item(), rtol=0)


def test_every_key_is_accounted_for(empty_weights):
    conversion = convert(empty_weights, ORIGINS["resnext3d"])
    assert set(conversion.dropped) == {"fc.weight", "fc.bias"}
    assert set(conversion.sources.values()) == empty_weights.keys() - {"fc.weight", "fc.bias"}
    assert conversion.missing == ()


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_the_depth_is_read_from_the_weights(depth):
    with torch.device("meta"):
        weights = {f"module.{key}": v for key, v in ResNeXt3D(depth).state_dict().items()}
    conversion = convert(weights, ORIGINS["resnext3d"])
    assert conversion.settings["MODEL.BACKBONE_3D.DEPTH"] == depth
    assert len(conversion.weights) == len(weights)


def test_an_unknown_depth_is_refused(empty_weights):
    shallow = {k: v for k, v in empty_weights.items() if not k.startswith("layer3.22.")}
    with pytest.raises(InputError, match=r"have 3, 4, 22, 3 blocks.*3, 4, 23, 3 \(101\)"):
        convert_resnext3d(shallow)


def test_other_networks_of_the_same_keys_are_refused(empty_weights):
    # A plain 3D ResNet names its layers alike; its middle convolutions are not grouped.
    plain = empty_weights | {"layer1.0.conv2.weight": torch.empty(64, 64, 3, 3, 3, device="meta")}
    with pytest.raises(InputError, match=r"layer1\.0\.conv2\.weight is \(64, 64, 3, 3, 3\), not"):
        convert_resnext3d(plain)
    shortcut_a = {k: v for k, v in empty_weights.items() if "downsample" not in k}
    with pytest.raises(InputError, match=r"incomplete: nothing for .*layer1\.0\.downsample\.0"):
        convert_resnext3d(shortcut_a)
