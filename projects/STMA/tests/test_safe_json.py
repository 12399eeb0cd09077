"""JSON that cannot be used is refused in one line."""

from __future__ import annotations

import os

import pytest

from stma_d2.errors import InputError
from stma_d2.safe_json import read_json


@pytest.mark.parametrize("text", ["[" * 200_000, "{", "\xff", '{"a": 1, "a": 2}', "9" * 5000])
def test_what_is_no_json_or_too_deep_is_refused_with_the_files_name(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text.encode("latin1"))
    with pytest.raises(InputError, match=r"a\.json: [^\n]+$"):
        read_json(tmp_path / "a.json")


def test_values_come_back(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, 2.5, null, "ü"]}', encoding="utf-8")
    assert read_json(tmp_path / "a.json") == {"a": [1, 2.5, None, "ü"]}


def test_what_is_no_file_is_told_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(InputError, match="is a folder, pipe or device and no file"):
            read_json(path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none")
