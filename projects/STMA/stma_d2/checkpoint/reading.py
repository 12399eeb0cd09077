"""Reading a checkpoint file of unknown origin without running what it holds."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from typing import Any

import torch

from ..errors import InputError

# What PyTorch says of a pickle that asks for more than tensors -> what that is, for the message.
_MORE_THAN_TENSORS = (
    (re.compile(r"GLOBAL (\S+) (?:was not|whose module)"), r"\1"),
    (re.compile(r"TorchScript archives"), "a TorchScript program"),
    (re.compile(r"legacy \.tar format"), "a .tar archive of the oldest PyTorch"),
)

_WAY_OUT = """\
If you trust where it comes from, take its weights out once (this runs code of the file, so it may
need the project that wrote it), and convert the new file:

    python - <<'END'
    import torch
    old = torch.load({path!r}, map_location="cpu", weights_only=False)
    weights = old.get("state_dict", old) if isinstance(old, dict) else old.state_dict()
    torch.save({{k: v for k, v in weights.items() if torch.is_tensor(v)}}, {new_path!r})
    END"""

_HASHED_AT_ONCE = 1 << 20  # bytes


def read_checkpoint(path: str | os.PathLike[str]) -> Any:
    """What ``torch.save`` wrote, tensors on the CPU; any of PyTorch's formats that needs no code.

    Raises:
        InputError: if the file is missing or damaged, or holds more than tensors and plain
            containers: with what that is and how to take the weights out.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise InputError(f"there is no checkpoint file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the errors below say
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file can raise anything
        needed = _more_than_tensors(str(error))
        if needed is None:
            raise InputError(
                f"{path} is no PyTorch checkpoint, or a damaged one; get it again "
                f"({type(error).__name__} while reading)"
            ) from error
        way_out = _WAY_OUT.format(path=path, new_path=f"{os.path.splitext(path)[0]}-weights.pth")
        raise InputError(
            f"{path} holds more than tensors ({needed}) and is not read: unpickling that could run "
            f"any code.\n{way_out}"
        ) from None


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def _more_than_tensors(message: str) -> str | None:
    for pattern, name in _MORE_THAN_TENSORS:
        if match := pattern.search(message):
            return match.expand(name)
    return None
