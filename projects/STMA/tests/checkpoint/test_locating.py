"""Checkpoints come from paths and URLs, and are what their names say."""

from __future__ import annotations

import hashlib

import pytest

from stma_d2.checkpoint import local_path, names_its_hash
from stma_d2.errors import InputError

CONTENT = b"weights"
DIGITS = hashlib.sha256(CONTENT).hexdigest()[:16]


@pytest.mark.parametrize("name", ["model_final.pth", f"model-{DIGITS}.pth", "run-20240101.pth"])
def test_a_file_is_taken_as_path_and_as_url(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(CONTENT)
    assert local_path(str(path)) == local_path(f"file://{path}") == str(path)


def test_another_content_than_the_name_says_is_refused(tmp_path):
    path = tmp_path / f"model-{DIGITS}.pth"
    path.write_bytes(CONTENT + b" of another")
    with pytest.raises(InputError, match=rf"-{DIGITS}\.pth is not what its name says"):
        local_path(str(path))


def test_missing_files_are_named_with_advice(tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint no/such\.pth; .* \(make one\)$"):
        local_path("no/such.pth", " (make one)")


def test_only_long_hexadecimal_ends_are_hashes():
    assert names_its_hash(f"a/b-{DIGITS}.pth")
    for name in (f"b-{DIGITS[:8]}.pth", f"b_{DIGITS}.pth", f"b-{DIGITS}", f"b-{'g' * 16}.pth"):
        assert not names_its_hash(name)
