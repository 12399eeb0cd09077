"""The record of an exported folder is checked before it is used."""

from __future__ import annotations

import json
import os

import pytest

from stma_d2.deployment.record import (
    inference_config,
    part_names,
    read_record,
    verified_file,
    write_record,
)
from stma_d2.errors import InputError
from stma_d2.files import file_sha256


@pytest.fixture
def record(tiny_cfg, tmp_path):
    (tmp_path / "frames.onnx").write_bytes(b"network")
    return {
        "labels": ["a", "b", "ç"],
        "config": inference_config(tiny_cfg),
        "strides": {"heatmap": 4, "action": 32},
        "files": {"frames.onnx": {"sha256": file_sha256(tmp_path / "frames.onnx")}},
    }


def test_what_is_written_is_read(record, tmp_path, tiny_cfg):
    write_record(tmp_path, record)
    read = read_record(tmp_path)
    assert {key: read[key] for key in record} == record
    assert read["config"]["INPUT"] == {
        "SIZE": [64, 64],
        "CLIP_LENGTH": 8,
        "CLIP_FRAME_STRIDE": 1,
        "CLIP_FRAME_STRIDE_JITTER": 0,
        "SNIPPET_LENGTH": 3,
        "SNIPPET_POSITION": "middle",
    }
    assert verified_file(tmp_path, read, "frames.onnx").read_bytes() == b"network"
    assert part_names(tiny_cfg) == ["frames", "clips", "windows"]
    tiny_cfg.MODEL.BACKBONE_3D.NAME = ""
    assert part_names(tiny_cfg) == ["frames", "windows"]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("format",), "other", "its format is 'other', version 2"),
        (("version",), 1, "version 1; this code reads stma-exported-network, version 2; export"),
        (("labels",), ["a"], "it has 1 labels for 3 classes"),
        (("labels",), "abc", "labels holds 'abc' where a list"),
        (("strides",), {"heatmap": 4}, "strides lacks 'action'"),
        (("labels",), ["a", "b", "a"], "labels holds 'a' twice"),
        (("strides", "heatmap"), 0, "a stride is 0; it must be at least 1"),
        (("config", "INPUT", "SNIPPET_POSITION"), "end", "it was changed after the export"),
        (("seal",), None, "it was changed after the export; export again"),
        (("strides", "action"), 2.5, "a stride is 2.5; it must be a whole number"),
        (("files",), {"frames.onnx": {}}, "frames.onnx lacks 'sha256'"),
        (("config", "INPUT", "SNIPPET_LENGTH"), 4, r"INPUT.SNIPPET_LENGTH is 4; it must be one of"),
        (("config", "TEST", "LINKING"), 3, "there is no TEST.LINKING.MIN_TUBELET_SCORE"),
        (("config",), None, "there is no INPUT.SIZE"),
    ],
)
def test_a_wrong_record_is_one_line_that_names_it(record, tmp_path, place, value, words):
    write_record(tmp_path, record)
    path = tmp_path / "model.json"
    content = json.loads(path.read_text())
    node = content
    for name in place[:-1]:
        node = node[name]
    node[place[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"{path} is no record of .*{words}") as raised:
        read_record(tmp_path)
    assert "\n" not in str(raised.value)


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no exported network.*tools/export_model\.py"):
        read_record(tmp_path / "missing")
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(InputError, match="not readable JSON"):
        read_record(tmp_path)


def test_files_are_the_ones_that_were_exported(record, tmp_path):
    with pytest.raises(InputError, match=r"without clips\.pt2: export it with --format pt2"):
        verified_file(tmp_path, record, "clips.pt2")
    (tmp_path / "frames.onnx").write_bytes(b"networK")
    with pytest.raises(InputError, match=r"frames\.onnx is not the one .* SHA-256 is another"):
        verified_file(tmp_path, record, "frames.onnx")
    (tmp_path / "frames.onnx").unlink()
    with pytest.raises(InputError, match=r"frames\.onnx cannot be read"):
        verified_file(tmp_path, record, "frames.onnx")


def test_pipes_and_devices_are_not_opened(record, tmp_path):
    write_record(tmp_path, record)
    (tmp_path / "frames.onnx").unlink()
    os.mkfifo(tmp_path / "frames.onnx")
    with pytest.raises(InputError, match=r"frames\.onnx is a folder, pipe or device and no file"):
        verified_file(tmp_path, record, "frames.onnx")
    (tmp_path / "model.json").unlink()
    os.mkfifo(tmp_path / "model.json")
    with pytest.raises(InputError, match=r"model\.json is a folder, pipe or device and no file"):
        read_record(tmp_path)
