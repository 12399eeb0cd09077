"""A checksum at a file's end, which readers of zip files and of pickles pass over."""

from __future__ import annotations

import os
from typing import IO

from ..errors import InputError
from ..files import file_sha256

_MARK = b"\nsha256 "
_DIGEST_LENGTH = 64
# Of the digest's characters: so many tell a seal whose mark is damaged from another file's end.
_HEXADECIMAL_AT_LEAST = 56


def seal(file: IO[bytes]) -> None:
    """Append the checksum of all that was written to ``file``, a file of the file system."""
    file.flush()
    file.write(_MARK + file_sha256(file.name).encode())


def verify_seal(path: str | os.PathLike[str]) -> bool:
    """Compare the checksum at the file's end with its content.

    Returns:
        Whether the file ends with a checksum at all; other projects' files do not.

    Raises:
        InputError: if the content has another checksum.
    """
    length = max(0, os.path.getsize(path) - len(_MARK) - _DIGEST_LENGTH)
    with open(path, "rb") as file:
        file.seek(length)
        end = file.read()
    digits = sum(byte in b"0123456789abcdef" for byte in end[-_DIGEST_LENGTH:])
    if not end.startswith(_MARK) and digits < _HEXADECIMAL_AT_LEAST:
        return False
    if end != _MARK + file_sha256(path, length).encode():
        raise InputError(f"the checkpoint {path} is damaged: its checksum is another; get it again")
    return True
