"""The command line: what it prints, what it leaves, and what it refuses."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from stma_d2.errors import InputError
from stma_d2.modeling.backbone import ResNeXt3D


@pytest.fixture
def convert(tool, capsys):
    """Runs the tool; returns what it printed."""

    def run(*arguments: object) -> str:
        tool("convert_weights").main([str(argument) for argument in arguments])
        return capsys.readouterr().out

    return run


@pytest.fixture
def imagenet(tmp_path) -> Path:
    """ImageNet's ResNet-18, older than batch counters."""
    weights = resnet18(weights=None).state_dict()
    old = {key: value for key, value in weights.items() if "num_batches_tracked" not in key}
    torch.save(old, tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"


@pytest.fixture
def kinetics(tmp_path) -> Path:
    """Hara et al.'s ResNeXt-50, all zeros."""
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in ResNeXt3D(50).state_dict().items()}
    weights = {f"module.{key}": torch.zeros(()).expand(shape) for key, shape in shapes.items()}
    weights["module.fc.weight"] = torch.zeros(400, 2048)
    torch.save({"arch": "resnext-50", "state_dict": weights}, tmp_path / "resnext-50-kinetics.pth")
    return tmp_path / "resnext-50-kinetics.pth"


def _table(text: str) -> list[list[str]]:
    lines = (line for line in text.splitlines() if line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][2:]


def test_one_file_is_made_of_two_and_every_tensor_is_accounted_for(
    convert, imagenet, kinetics, tmp_path
):
    output = tmp_path / "weights" / "init.pkl"
    printed = convert(imagenet, kinetics, "--output", output)
    rows = {(file, outcome): int(count) for file, count, outcome, _ in _table(printed)}
    output_keys = pickle.loads(output.read_bytes())["model"].keys()
    output.unlink()  # 150 MB

    # ResNet-18: 102 tensors without its 20 counters, 2 are the classifier; 3 doublings of 15.
    assert rows == {
        ("resnet18.pth", "loaded"): 100,
        ("resnet18.pth", "dropped: the classifier"): 2,
        ("resnet18.pth", "set to 0: batch counters, which old weights lack"): 20,
        ("resnet18.pth", "missing: keep their initialization"): 45,
        ("resnext-50-kinetics.pth", "loaded"): 318,
        ("resnext-50-kinetics.pth", "dropped: the classifier"): 1,
        ("resnext-50-kinetics.pth", "missing: keep their initialization"): 0,
    }
    assert len(output_keys) == 100 + 20 + 318
    for path in (imagenet, kinetics):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in printed
    assert "MODEL.BACKBONE.NAME 'build_resnet18_backbone'" in printed
    assert "MODEL.BACKBONE_3D.DEPTH 50" in printed
    assert "starts them anew: center_head, movement_head, size_head, action_head\n" in printed
    assert f"MODEL.WEIGHTS {output}" in printed


def test_every_key_can_be_listed(convert, imagenet, tmp_path):
    printed = convert(imagenet, "--output", tmp_path / "a.pkl", "--all-keys")
    for key in ("conv1.weight -> backbone.base.conv1.weight", "fc.bias", "backbone.up.2.norm.bias"):
        assert key in printed
    assert "starts them anew: backbone_3d, center_head" in printed


def test_kinds_can_be_forced_one_word_each(convert, imagenet, tmp_path):
    output = tmp_path / "a.pkl"
    convert(imagenet, "--kind", "auto", "--output", output)
    output.unlink()
    with pytest.raises(InputError, match="not the weights of DLA-34"):
        convert(imagenet, "--kind", "dla34", "--output", output)
    with pytest.raises(InputError, match="one word for each input: 1, not 2"):
        convert(imagenet, "--kind", "auto", "dla34", "--output", output)
    assert not output.exists()


def test_what_is_converted_already_is_told(convert, imagenet, tmp_path):
    convert(imagenet, "--output", tmp_path / "a.pkl")
    with pytest.raises(InputError, match=r"a\.pkl is converted already, .* as MODEL\.WEIGHTS"):
        convert(tmp_path / "a.pkl", "--output", tmp_path / "b.pkl")


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (["resnet18.pth", "resnet18.pth"], "are both the part backbone"),
        (["resnet18.pth", "none.pth"], "no checkpoint file"),
        (["damaged.pth"], r"damaged\.pth is cut off"),
    ],
)
def test_a_failure_leaves_nothing(convert, imagenet, tmp_path, inputs, reason):
    (tmp_path / "damaged.pth").write_bytes(imagenet.read_bytes()[:100_000])
    before = sorted(tmp_path.iterdir())
    paths = [tmp_path / name for name in inputs]
    with pytest.raises(InputError, match=reason):
        convert(*paths, "--output", tmp_path / "out" / "a.pkl")
    assert sorted(tmp_path.iterdir()) == before
