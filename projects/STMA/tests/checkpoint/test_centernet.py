"""Weights of CenterNet's DLA-34 and ResNet-18 give CenterNet's output here."""

from __future__ import annotations

import pytest
import timm
import torch
from torch.nn import functional as F
from torchvision.models import resnet18
from torchvision.ops import deform_conv2d

from stma_d2.checkpoint import ORIGINS, convert, convert_dla34, convert_resnet18
from stma_d2.errors import InputError
from stma_d2.modeling.backbone import DLA34, ResNet18

# What CenterNet's DLA-34 carries beside its network: ImageNet's classifier.
CLASSIFIER = {
    "base.fc.weight": torch.zeros(1000, 512, 1, 1),
    "base.fc.bias": torch.zeros(1000),
}
HEADS = {
    f"{head}.{layer}.{kind}": torch.zeros(1)
    for head in ("hm", "reg")
    for layer in (0, 2)
    for kind in ("weight", "bias")
}
SIZE_HEAD = {
    "wh.0.weight": torch.ones(256, 64, 3, 3),
    "wh.0.bias": torch.ones(256),
    "wh.2.weight": torch.ones(2, 256, 1, 1),
    "wh.2.bias": torch.ones(2),
}


def _in_model(network: torch.nn.Module) -> set[str]:
    return {f"backbone.{key}" for key in network.state_dict()}


def test_dla34_gives_the_output_of_the_original(dla34, golden, golden_input):
    model = DLA34().eval()
    model.load_state_dict(convert_dla34(dla34))  # strict: nothing missing, nothing unexpected

    with torch.no_grad():
        output = model(golden_input("dla34", (1, 3, 96, 128)))

    # The output's standard deviation is 0.19; swapped offsets or a constant mask change it by 0.7.
    torch.testing.assert_close(
        output, torch.from_numpy(golden("dla34")["output"]), atol=1e-4, rtol=0
    )


def test_a_centernet_checkpoint_is_unwrapped_and_gives_its_size_head_too(dla34):
    weights = dla34 | CLASSIFIER | HEADS | SIZE_HEAD
    checkpoint = {"epoch": 230, "state_dict": {f"module.{k}": v for k, v in weights.items()}}
    conversion = convert(checkpoint, ORIGINS["dla34"])

    dead = {k for k in dla34 if k.startswith(("base.level3.project.", "base.level4.project."))}
    assert set(conversion.dropped) == dead | set(CLASSIFIER) | set(HEADS)
    assert set(conversion.sources.values()) == (set(dla34) | set(SIZE_HEAD)) - dead
    assert conversion.missing == ()
    size_head = {k: v for k, v in conversion.sources.items() if k.startswith("size_head.")}
    assert size_head == {k.replace("wh.", "size_head.layers."): k for k in SIZE_HEAD}
    assert conversion.weights.keys() - size_head.keys() == _in_model(DLA34())
    assert conversion.dropped["hm.0.weight"] == "an output head"
    assert conversion.dropped["base.fc.weight"] == "the classifier"
    assert convert_dla34(checkpoint).keys() == DLA34().state_dict().keys()


def test_imagenet_weights_fill_the_base_network_only(dla34):
    imagenet = {
        key.removeprefix("base."): value for key, value in dla34.items() if key.startswith("base.")
    } | {"fc.weight": torch.zeros(1000, 512, 1, 1), "fc.bias": torch.zeros(1000)}

    conversion = convert(imagenet, ORIGINS["dla34"])

    model = DLA34()
    own = {key: value.clone() for key, value in model.state_dict().items()}
    model.load_state_dict(convert_dla34(imagenet), strict=False)
    assert {key.split(".")[1] for key in conversion.missing} == {"dla_up", "ida_up"}
    assert {"fc.weight", "fc.bias"} <= set(conversion.dropped)
    for key, value in model.state_dict().items():
        source = imagenet[key.removeprefix("base.")] if key.startswith("base.") else own[key]
        assert torch.equal(value, source)


def test_timms_imagenet_weights_convert():
    weights = timm.create_model("dla34", pretrained=False).state_dict()
    conversion = convert(weights, ORIGINS["dla34"])
    assert set(conversion.dropped) == {"fc.weight", "fc.bias"}
    assert len(conversion.sources) == len(weights) - 2
    assert {key.split(".")[1] for key in conversion.missing} == {"dla_up", "ida_up"}


def test_weights_older_than_batch_counters_are_complete(dla34):
    old = {key: value for key, value in dla34.items() if "num_batches_tracked" not in key}
    weights = convert_dla34(old)
    assert weights.keys() == DLA34().state_dict().keys()
    assert weights["ida_up.node.1.norm.num_batches_tracked"] == 0


def test_a_gap_in_the_network_is_refused(dla34):
    without = {key: value for key, value in dla34.items() if "ida_up.proj_2" not in key}
    with pytest.raises(InputError, match=r"incomplete: nothing for backbone\.ida_up\.project\.1\."):
        convert_dla34(without)
    without = {key: value for key, value in dla34.items() if "base.level5" not in key}
    with pytest.raises(InputError, match=r"incomplete: nothing for backbone\.base\.level5\."):
        convert_dla34(without)


def test_an_input_of_stacked_flow_is_refused(dla34):
    flow = dla34 | {"base.base_layer.0.weight": torch.zeros(16, 15, 7, 7)}
    with pytest.raises(
        InputError, match=r"base\.base_layer\.0\.weight is \(16, 15, 7, 7\), not \(16, 3, 7, 7\)"
    ):
        convert_dla34(flow)


def test_another_network_is_refused_by_name():
    with pytest.raises(InputError, match=r"not the weights of DLA-34.*no place for conv1\.weight"):
        convert_dla34(resnet18(weights=None).state_dict())
    with pytest.raises(InputError, match=r"not the weights of ResNet-18.*base_layer"):
        convert_resnet18({"base_layer.0.weight": torch.zeros(16, 3, 7, 7)})


@pytest.fixture(scope="module")
def moc_resnet18(published_keys, filled):
    return filled(published_keys["resnet18"])


def test_resnet18_gives_the_output_of_the_published_layout(moc_resnet18):
    frames = torch.randn(1, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    reference = resnet18(weights=None).eval()
    reference.avgpool = reference.fc = torch.nn.Identity()
    reference.load_state_dict({k: v for k, v in moc_resnet18.items() if "deconv" not in k})
    model = ResNet18().eval()
    model.load_state_dict(convert_resnet18(moc_resnet18))

    def norm_relu(x, name):
        kinds = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(moc_resnet18[f"{name}.{kind}"] for kind in kinds)).relu()

    with torch.no_grad():
        x = reference(frames).view(1, 512, 2, 1)
        for stage in range(3):
            name = [f"deconv_layer.deconv_layers.{6 * stage + i}" for i in range(6)]
            w = {k.removeprefix(name[0] + "."): v for k, v in moc_resnet18.items() if name[0] in k}
            first, second, mask = F.conv2d(
                x, w["conv_offset_mask.weight"], w["conv_offset_mask.bias"], padding=1
            ).chunk(3, dim=1)
            offset = torch.cat([first, second], dim=1)
            x = deform_conv2d(
                x, offset, w["weight"], w["bias"], padding=(1, 1), mask=mask.sigmoid()
            )
            x = norm_relu(x, name[1])
            x = F.conv_transpose2d(x, moc_resnet18[f"{name[3]}.weight"], stride=2, padding=1)
            x = norm_relu(x, name[4])
        output = model(frames)

    assert x.std() > 0.1
    torch.testing.assert_close(output, x, atol=1e-5, rtol=1e-5)


def test_resnet18_of_centernet_and_of_imagenet(moc_resnet18):
    centernet = {k.removeprefix("deconv_layer."): v for k, v in moc_resnet18.items()}
    conversion = convert({"state_dict": centernet | HEADS | SIZE_HEAD}, ORIGINS["resnet18"])
    assert conversion.weights.keys() >= _in_model(ResNet18())
    assert "size_head.layers.0.weight" in conversion.weights
    assert set(conversion.dropped) == set(HEADS)

    imagenet = convert(resnet18(weights=None).state_dict(), ORIGINS["resnet18"])
    assert set(imagenet.dropped) == {"fc.weight", "fc.bias"}
    assert {key.split(".")[1] for key in imagenet.missing} == {"up"}
