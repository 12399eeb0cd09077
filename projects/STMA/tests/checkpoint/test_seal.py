"""A checksum at a file's end tells whether the file is as written."""

from __future__ import annotations

import pickle

import pytest
import torch

from stma_d2.checkpoint.seal import seal, verify_seal
from stma_d2.errors import InputError


@pytest.mark.parametrize("write", [torch.save, pickle.dump])
def test_a_sealed_file_is_read_as_before_and_told_from_a_changed_one(tmp_path, write):
    path = tmp_path / "a"
    with open(path, "wb") as file:
        write({"a": [1.5]}, file)
    assert not verify_seal(path)
    with open(path, "ab") as file:
        seal(file)
    assert verify_seal(path)
    read = torch.load if write is torch.save else lambda path: pickle.loads(path.read_bytes())
    assert read(path) == {"a": [1.5]}

    whole = path.read_bytes()
    for place in (
        0,
        len(whole) // 2,
        len(whole) - 70,
        len(whole) - 1,
    ):  # in the mark, in the digest
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match="checksum is another"):
            verify_seal(path)


def test_a_short_file_is_not_sealed(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    assert not verify_seal(tmp_path / "a")
