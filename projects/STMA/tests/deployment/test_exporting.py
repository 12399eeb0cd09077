"""A folder appears whole and equal to the network, or not at all."""

from __future__ import annotations

import os

import numpy as np
import pytest

from stma_d2.deployment import exporting
from stma_d2.deployment.exporting import check_folder, export_network
from stma_d2.errors import InputError

FRAMES = np.random.default_rng(0).integers(0, 256, (12, 40, 60, 3), dtype=np.uint8)


@pytest.fixture
def export(make_network, tmp_path, monkeypatch):
    """Exports to ``tmp_path/out`` with files of a byte, whose comparison gives ``differences``."""
    cfg, model = make_network("stma")
    monkeypatch.setattr(exporting, "write_onnx", lambda part, program, path: path.write_bytes(b"1"))
    monkeypatch.setattr(exporting, "OnnxPart", lambda path: None)
    monkeypatch.setattr(exporting, "traced", lambda part: None)

    def run(**differences):
        found = {"frames": 0.0, "clips": 1e-5, "windows": 1e-4, **differences}
        monkeypatch.setattr(exporting, "compare", lambda *_: found)
        return export_network(model, cfg, ("a", "b", "c"), tmp_path / "out", FRAMES)

    return run


def test_differences_up_to_the_tolerance_are_written_down(export, tmp_path):
    (tmp_path / "out").mkdir()  # empty
    expected = {"frames.onnx": 0.0, "clips.onnx": 1e-5, "windows.onnx": 1e-4}
    assert export() == expected
    assert sorted(os.listdir(tmp_path)) == ["out"]
    assert sorted(os.listdir(tmp_path / "out")) == sorted([*expected, "model.json"])


@pytest.mark.parametrize("difference", [1.1e-4, float("nan")])
def test_a_file_that_gives_something_else_is_refused(export, tmp_path, difference):
    with pytest.raises(InputError, match=r"clips\.onnx gives something else.*nothing is written"):
        export(clips=difference)
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_exported_is_one_line(export, tmp_path, monkeypatch):
    def fail(part, program, path):
        path.write_bytes(b"half")
        raise RuntimeError("unsupported\noperator")

    monkeypatch.setattr(exporting, "write_onnx", fail)
    with pytest.raises(InputError, match=r"frames\.onnx cannot .*RuntimeError: unsupported operat"):
        export()
    assert os.listdir(tmp_path) == []


def test_nothing_is_written_over(export, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    with pytest.raises(InputError, match="out exists already: name a new folder"):
        export()
    with pytest.raises(InputError, match="exists already"):
        check_folder(tmp_path / "out" / "mine")
    assert os.listdir(tmp_path / "out") == ["mine"]
