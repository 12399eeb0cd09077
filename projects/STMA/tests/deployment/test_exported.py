"""Loading an exported folder: what is run, what may be changed, what is refused."""

from __future__ import annotations

import shutil
import sys

import onnxruntime
import pytest
import torch

from stma_d2.deployment import load_exported
from stma_d2.deployment.exported import OnnxPart
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
