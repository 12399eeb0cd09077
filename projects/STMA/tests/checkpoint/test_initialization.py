"""Files of other projects become one file for MODEL.WEIGHTS."""

from __future__ import annotations

import hashlib
import pickle
import zlib

import numpy as np
import pytest
import torch
from detectron2.checkpoint import DetectionCheckpointer
from detectron2.modeling import build_model
from torchvision.models import resnet18

from stma_d2.checkpoint import TubeletCheckpointer, convert_file, write_initialization
from stma_d2.config import load_config
from stma_d2.errors import InputError
from stma_d2.model_zoo import get_config_file
from stma_d2.modeling.backbone import ResNeXt3D


def _constant(key: str) -> float:
    return (zlib.crc32(key.encode()) % 1000 + 1) / 1000


@pytest.fixture
def stub_file(tmp_path):
    """Writes a checkpoint whose tensors each repeat one number; of any shape, it is small."""

    def write(name: str, shapes: dict) -> str:
        weights = {
            f"module.{key}": torch.zeros(shape, dtype=torch.int64)
            if key.endswith("num_batches_tracked")
            else torch.tensor(_constant(key)).expand(tuple(shape))
            for key, shape in shapes.items()
        }
        torch.save({"epoch": 1, "state_dict": weights}, tmp_path / name)
        return str(tmp_path / name)

    return write


@pytest.fixture
def dla34_file(stub_file, published_keys):
    heads = {
        "hm.2.bias": [80],
        "wh.0.weight": [256, 64, 3, 3],
        "wh.0.bias": [256],
        "wh.2.weight": [2, 256, 1, 1],
        "wh.2.bias": [2],
    }
    return stub_file("ctdet_coco_dla_2x.pth", published_keys["dla34"] | heads)


@pytest.fixture
def resnext50_file(stub_file):
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in ResNeXt3D(50).state_dict().items()}
    return stub_file("resnext-50-kinetics.pth", shapes | {"fc.bias": [400]})


@pytest.fixture
def moc_file(stub_file, published_keys):
    backbone = {f"backbone.{key}": shape for key, shape in published_keys["dla34"].items()}
    return stub_file("moc.pth", backbone | published_keys["moc_heads_k5_c21"])


def test_two_files_make_one_initialization_of_the_papers_network(
    dla34_file, resnext50_file, tmp_path
):
    files = [convert_file(dla34_file), convert_file(resnext50_file)]
    assert [file.kind for file in files] == ["dla34", "resnext3d"]
    settings = files[0].conversion.settings | files[1].conversion.settings
    assert settings["MODEL.BACKBONE_3D.DEPTH"] == 50
    output = tmp_path / "weights" / "init.pkl"
    write_initialization(output, files)

    overrides = [word for pair in settings.items() for word in pair]
    cfg = load_config(get_config_file("Base-STMA.yaml"), overrides)
    cfg.MODEL.DEVICE = "meta"
    with torch.device("meta"):
        model = build_model(cfg).to_empty(device="cpu")  # no time for random numbers
    TubeletCheckpointer(model, str(tmp_path / "new")).resume_or_load(str(output), resume=False)
    output.unlink()  # 170 MB
    filled = set()
    for file in files:
        for key, source in file.conversion.sources.items():
            if key.startswith("size_head.layers.2."):  # width and height do not fit four distances
                continue
            value = model.state_dict()[key]
            expected = 0 if key.endswith("num_batches_tracked") else _constant(source)
            assert (value == expected).all(), key
            filled.add(key)
    rest = {key.split(".")[0] for key in model.state_dict().keys() - filled}
    assert rest == {"center_head", "movement_head", "size_head", "action_head"}
    assert {"size_head.layers.0.weight", "size_head.layers.0.bias"} <= filled


def test_the_file_says_what_it_was_made_of(stub_file, tmp_path):
    shapes = {key: value.shape for key, value in resnet18(weights=None).state_dict().items()}
    path = stub_file("resnet18.pth", shapes)
    write_initialization(tmp_path / "a.pkl", [convert_file(path)])

    with open(tmp_path / "a.pkl", "rb") as file:
        content = pickle.load(file)
    assert content.keys() == {"model", "__author__", "sources"}
    assert "stma_d2" in content["__author__"] and "resnet18.pth" in content["__author__"]
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    assert content["sources"] == [{"name": "resnet18.pth", "sha256": digest, "kind": "resnet18"}]
    assert all(isinstance(value, np.ndarray) for value in content["model"].values())
    assert {str(value.dtype) for value in content["model"].values()} == {"float32", "int64"}
    assert all(key.startswith("backbone.base.") for key in content["model"])


def test_detectron2s_own_checkpointer_reads_it(stub_file, tmp_path):
    shapes = {key: value.shape for key, value in resnet18(weights=None).state_dict().items()}
    file = convert_file(stub_file("resnet18.pth", shapes))
    write_initialization(tmp_path / "a.pkl", [file])

    parts = torch.nn.ModuleDict({"backbone": torch.nn.ModuleDict({"base": resnet18()})})
    parts["backbone"]["base"].fc = torch.nn.Identity()
    rest = DetectionCheckpointer(parts).load(str(tmp_path / "a.pkl"))
    assert "matching_heuristics" not in rest
    for key, value in parts.state_dict().items():
        assert torch.equal(value, file.conversion.weights[key].to(value.dtype))


def test_half_precision_becomes_float32(tmp_path):
    halves = {key: v.half() for key, v in resnet18(weights=None).state_dict().items()}
    torch.save(halves, tmp_path / "half.pth")
    write_initialization(tmp_path / "a.pkl", [convert_file(tmp_path / "half.pth")])
    with open(tmp_path / "a.pkl", "rb") as file:
        weights = pickle.load(file)["model"]
    assert weights["backbone.base.conv1.weight"].dtype == np.float32
    np.testing.assert_array_equal(
        weights["backbone.base.conv1.weight"], halves["conv1.weight"].float().numpy()
    )


def test_the_backbone_of_a_moc_model_can_be_asked_for(moc_file):
    assert convert_file(moc_file).kind == "moc"
    conversion = convert_file(moc_file, "dla34").conversion
    assert all(key.startswith("backbone.") for key in conversion.weights)
    assert conversion.dropped["branch.wh.0.weight"] == "an output head"


def test_an_unknown_origin_is_refused_with_what_each_would_have(tmp_path):
    torch.save({"features.0.weight": torch.ones(64, 3, 3, 3)}, tmp_path / "vgg.pth")
    with pytest.raises(InputError, match=r"vgg\.pth: none of the known origins.*features") as error:
        convert_file(tmp_path / "vgg.pth")
    lines = str(error.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [
        "moc",
        "resnext3d",
        "dla34",
        "resnet18",
    ]


def test_what_does_not_fit_is_refused_with_its_reason(tmp_path, dla34_file):
    torch.save({"state_dict": {"conv1.weight": torch.ones(64, 3, 7, 7)}}, tmp_path / "stem.pth")
    with pytest.raises(InputError, match=r"stem\.pth: .* ResNet-18 .* incomplete"):
        convert_file(tmp_path / "stem.pth")
    with pytest.raises(InputError, match=r"dla_2x\.pth: .* 3D ResNeXt: .*0, 0, 0, 0 blocks"):
        convert_file(dla34_file, "resnext3d")
    with pytest.raises(InputError, match="no kind 'vgg'.*moc, resnext3d, dla34, resnet18"):
        convert_file(dla34_file, "vgg")
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(InputError, match=r"none\.pth: .*int under 'epoch'"):
        convert_file(tmp_path / "none.pth")


def test_numbers_that_are_no_weights_are_refused(tmp_path):
    weights = resnet18(weights=None).state_dict()
    weights["bn1.weight"] = torch.full([64], 1e300, dtype=torch.float64)
    torch.save(weights, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth: bn1\.weight holds .* too large for"):
        convert_file(tmp_path / "a.pth")


def test_two_files_for_one_part_are_refused_and_nothing_is_written(moc_file, dla34_file, tmp_path):
    dla34, moc = convert_file(dla34_file), convert_file(moc_file)
    output = tmp_path / "out" / "a.pkl"
    with pytest.raises(InputError, match=r"dla_2x\.pth and .*moc\.pth are both the part backbone"):
        write_initialization(output, [dla34, convert_file(moc_file, "dla34")])
    with pytest.raises(InputError, match=r"are both a whole model"):
        write_initialization(output, [moc, moc])
    with pytest.raises(InputError, match=r"moc\.pth is a whole model and goes alone.*dla34"):
        write_initialization(output, [dla34, moc])
    with pytest.raises(InputError, match=r"out\.pth must end in \.pkl"):
        write_initialization(tmp_path / "out.pth", [dla34])
    assert not output.parent.exists()
    assert not (tmp_path / "out.pth").exists()
