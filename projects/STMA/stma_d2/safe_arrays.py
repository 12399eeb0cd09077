"""Arrays of unknown origin in a file of ``np.savez``, read without trusting what it states."""

from __future__ import annotations

import math
import os
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from .errors import InputError

_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# What zipfile and NumPy's reader of headers, which parses Python text, raise for damaged files.
DAMAGE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, RuntimeError),
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError),
    *(SyntaxError, tokenize.TokenError),
)


def read_arrays(
    path: str | os.PathLike[str], max_bytes: int | None = None
) -> dict[str, np.ndarray]:
    """All arrays of the file by name.

    No more memory is asked for than the file's content fills.

    Args:
        path: of the file.
        max_bytes: that the arrays may take together; None: any.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: without the file's name, if it is a folder or device, damaged, too large or
            something else, or holds Python objects.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError("it is a folder or device")
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if one.filename.endswith(".npy")]
            size = sum(one.file_size for one in members)
            if max_bytes is not None and size > max_bytes:
                raise ValueError(f"its arrays stand for {size} bytes, far more than it may hold")
            return {one.filename.removesuffix(".npy"): _array(archive, one) for one in members}
    except FileNotFoundError:
        raise
    except DAMAGE as error:
        raise InputError(" ".join(str(error).split()) or type(error).__name__) from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        shape, columns_first, dtype = _READ_HEADER[np.lib.format.read_magic(file)](file)
        content = bytearray(file.read(member.file_size))
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds Python objects")
    if math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{member.filename} is not of the size and type that it states")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if columns_first else "C")
