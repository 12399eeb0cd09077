"""Loading an exported folder: what is run, what may be changed, what is refused."""

from __future__ import annotations

import json
import shutil
import sys

import onnx
import onnxruntime
import pytest
import torch

from stma_d2.deployment import load_exported
from stma_d2.deployment.exported import OnnxPart
from stma_d2.deployment.record import write_record
from stma_d2.errors import InputError


def test_a_folder_is_a_network_with_its_configuration_and_labels(exported):
    loaded = load_exported(str(exported))
    assert loaded.labels[:2] == ("move_left", "move_right") and len(loaded.labels) == 10
    assert loaded.cfg.INPUT.SIZE == [128, 128] and loaded.cfg.TEST.PROTOCOL == "moc"
    network = loaded.network
    assert (network.num_classes, network.tubelets_per_window, network.stride) == (10, 10, 4)
    assert network.has_clips and network.device == torch.device("cpu")


def test_how_a_network_is_used_may_be_changed_and_what_it_is_may_not(exported):
    overrides = ["TEST.LINKING.MIN_TUBE_LENGTH", "5", "TEST.TUBELETS_PER_WINDOW", 3]
    loaded = load_exported(str(exported), [*overrides, "MODEL.DEVICE", "cpu"])
    assert loaded.cfg.TEST.LINKING.MIN_TUBE_LENGTH == 5
    assert loaded.network.tubelets_per_window == 3


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["INPUT.SIZE", "(64, 64)"], "INPUT.SIZE is part of the exported network"),
        (["TEST.PROTOCOL", "mine"], "TEST.PROTOCOL is 'mine'; it must be one of 'moc', 'act'"),
        (["TEST.FLIPS", "True"], "there is no key 'TEST.FLIPS'; did you mean TEST.FLIP?"),
        (["TEST.FLIP"], "the override TEST.FLIP has no value"),
        (["MODEL.DEVICE", "cuda"], "exported networks run on CPUs in 32 bits"),
        (["TEST.AMP.ENABLED", "True"], "exported networks run on CPUs in 32 bits"),
    ],
)
def test_other_overrides_are_refused(exported, overrides, words):
    with pytest.raises(InputError, match=words):
        load_exported(str(exported), overrides)


def test_a_folder_without_a_file_is_refused(exported, tmp_path):
    shutil.copytree(exported, tmp_path / "part")
    (tmp_path / "part" / "clips.onnx").unlink()
    with pytest.raises(InputError, match=r"clips\.onnx cannot be read"):
        load_exported(str(tmp_path / "part"))


def test_a_file_that_onnx_runtime_cannot_run_is_one_line(tmp_path):
    (tmp_path / "part.onnx").write_bytes(b"no network")
    words = rf"ONNX Runtime {onnxruntime.__version__} cannot run .*part\.onnx"
    with pytest.raises(InputError, match=words) as raised:
        OnnxPart(tmp_path / "part.onnx")
    assert "\n" not in str(raised.value)


def test_a_missing_onnx_runtime_is_told(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="pip install onnxruntime"):
        load_exported(str(exported))


@pytest.fixture
def divider(tmp_path):
    """A file that gives what it takes, two numbers a row, divided by the second of them."""
    row = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["rows", 2])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["rows", 2])
    second = onnx.helper.make_tensor("one", onnx.TensorProto.INT64, [1], [1])
    nodes = [
        onnx.helper.make_node("Gather", ["x", "one"], ["divisor"], axis=1),
        onnx.helper.make_node("Div", ["x", "divisor"], ["y"]),
    ]
    graph = onnx.helper.make_graph(nodes, "divider", [row], [result], [second])
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9
    )
    onnx.save(model, tmp_path / "divider.onnx")
    return OnnxPart(tmp_path / "divider.onnx")


def test_what_a_file_takes_and_gives_is_known_and_run(divider):
    assert divider.signature.inputs == {"x": (2,)}
    assert divider.signature.outputs == {"y": (2,)}
    (result,) = divider(torch.tensor([[4.0, 2.0]]))
    assert result.tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([[1.0, 0.0]], r"divider\.onnx: the output y holds NaN or infinite numbers"),
        ([[1.0, 2.0, 3.0]], r"ONNX Runtime fails in .*divider\.onnx: .*export again"),
    ],
)
def test_a_run_that_fails_or_gives_no_numbers_is_one_line(divider, given, words):
    with pytest.raises(InputError, match=words) as raised:
        divider(torch.tensor(given))
    assert "\n" not in str(raised.value)


def test_files_that_are_not_those_of_the_record_are_refused(exported, tmp_path):
    """By their checksums they are: who made this folder mixed two networks."""
    folder = shutil.copytree(exported, tmp_path / "mixed")
    shutil.copy(folder / "clips.onnx", folder / "frames.onnx")
    record = json.loads((folder / "model.json").read_text())
    record["files"]["frames.onnx"]["sha256"] = record["files"]["clips.onnx"]["sha256"]
    write_record(folder, record)
    words = "mixed are no network .*: the part frames has the inputs clips and must have frames"
    with pytest.raises(InputError, match=words):
        load_exported(str(folder))
