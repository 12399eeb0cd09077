"""YAML holds plain values, and nothing in it runs; see `test_config_file` for its tags."""

from __future__ import annotations

import io

import pytest

from stma_d2.errors import InputError
from stma_d2.safe_yaml import parse_yaml, read_yaml


def test_text_and_files_hold_the_same_values(tmp_path):
    text = "a: 1\nb: {c: [x, 2.5, null]}\n"
    (tmp_path / "a.yaml").write_text(text)
    expected = {"a": 1, "b": {"c": ["x", 2.5, None]}}
    assert parse_yaml(text, "it") == parse_yaml(io.StringIO(text), "it") == expected
    assert read_yaml(str(tmp_path / "a.yaml"), "thing") == expected


def test_messages_name_the_kind_of_file(tmp_path):
    path = str(tmp_path / "a.yaml")
    with pytest.raises(InputError, match=r"^there is no thing file .*a\.yaml$"):
        read_yaml(path, "thing")
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(InputError, match=r"^the thing .*a\.yaml cannot be read: "):
        read_yaml(path, "thing")
    with pytest.raises(InputError, match="^it holds no keys with values$"):
        parse_yaml("[1]", "it")


def test_only_flat_lists_may_be_repeated_by_aliases():
    assert parse_yaml("a: &x [1, 2]\nb: *x\n", "it") == {"a": [1, 2], "b": [1, 2]}
    for text in ("a: &x [1, *x]", "a: &x [[1]]\nb: *x", "a: &x {c: 1}\nb: *x", "a: &x 1\nb: *x"):
        with pytest.raises(InputError, match="aliases are not read here"):
            parse_yaml(text, "it")
