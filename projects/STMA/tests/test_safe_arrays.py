"""Arrays come back; files that state what they do not hold are refused without a trace."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest

from stma_d2.errors import InputError
from stma_d2.safe_arrays import read_arrays


def with_header(path, header, content=b""):
    """A file whose one array has this text for a header."""
    text = header.encode() + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "a.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content
        )


def test_arrays_come_back_and_can_be_written(tmp_path):
    arrays = {
        "rows": np.arange(6.0).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        "none": np.empty((0, 4), np.float32),
        "text": np.array(["a", "ü"]),
        "one": np.array(True),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        read = read_arrays(tmp_path / "a.npz")
        assert list(read) == list(arrays)
        for name, array in arrays.items():
            assert read[name].dtype == array.dtype and read[name].flags.writeable
            np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (10**12,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 1)}",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': ('<f8',), 'fortran_order': False, 'shape': (1,)}",
        "{'descr': (), 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [()], 'fortran_order': False, 'shape': (1,)}",
        "{[]: 1}",
        "'''",
        "(" * 9000,
        "\0",
        "5",
    ],
)
def test_a_hostile_header_is_refused(tmp_path, header):
    with_header(tmp_path / "a.npz", header)
    with pytest.raises(InputError):
        read_arrays(tmp_path / "a.npz")


def test_too_large_files_and_what_is_no_file_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(10**6))
    with pytest.raises(InputError, match="stand for 8000128 bytes"):
        read_arrays(tmp_path / "a.npz", max_bytes=10**5)
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(InputError, match="folder or device"):
            read_arrays(path)
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none")


def test_a_plain_array_is_no_such_file(tmp_path):
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    (tmp_path / "a.npz").write_bytes(file.getvalue())
    with pytest.raises(InputError):
        read_arrays(tmp_path / "a.npz")
