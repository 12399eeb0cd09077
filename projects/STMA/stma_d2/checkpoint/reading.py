"""Reading checkpoint files of unknown origin without running what they hold."""

from __future__ import annotations

import os
import re
import warnings
import zipfile
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..safe_pickle import load_plain_pickle
from .seal import verify_seal
from .weights import CONVERT

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

# Of the tensors' bytes to the file's; a tensor can repeat a number without end.
_MAX_EXPANSION = 4
_ZIP_START = b"PK\x03\x04"


def read_checkpoint(path: str | os.PathLike[str]) -> Any:
    """Read a checkpoint of tensors, arrays and plain containers.

    Args:
        path: a pickle of numpy arrays if it ends in ``.pkl``, as in Detectron2's model zoo; else
            any format of ``torch.save`` that needs no code.

    Returns:
        What the file holds; tensors are on the CPU.

    Raises:
        InputError: if the file is missing, empty, cut off or damaged, is no checkpoint, or holds
            more than such data; the last message tells how to take the weights out.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise InputError(f"there is no checkpoint file {path}")
    if os.path.getsize(path) == 0:
        raise InputError(f"the checkpoint {path} is empty; get it again")
    verify_seal(path)
    if path.endswith(".pkl"):
        return load_plain_pickle(path)
    _check_zip(path)
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


def read_detectron2_checkpoint(path: str) -> dict:
    """Read a checkpoint that Detectron2's checkpointer takes.

    Args:
        path: what Detectron2 or this package saves, or a file of Detectron2's model zoo.

    Returns:
        A dict whose ``model`` is a dict from key to tensor. ``matching_heuristics`` says that other
        projects chose its keys.

    Raises:
        InputError: as `read_checkpoint`, or if the file is of another kind or stands for far larger
            tensors than it can hold.
    """
    content = read_checkpoint(path)
    try:
        checkpoint = _to_detectron2_form(content, path.endswith(".pkl"))
        weights = {key: _to_tensor(key, value) for key, value in checkpoint["model"].items()}
    except (AttributeError, TypeError):
        raise InputError(f"{path} is no checkpoint of Detectron2's kind; {CONVERT}") from None
    size = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
    if size > _MAX_EXPANSION * os.path.getsize(path):
        raise InputError(f"{path} is refused: its tensors stand for {size} bytes, far more than it")
    return {**checkpoint, "model": weights}


def _check_zip(path: str) -> None:
    """Refuse a zip file, PyTorch's format since 1.6, whose parts are not whole; torch does not."""
    with open(path, "rb") as file:
        if file.read(len(_ZIP_START)) != _ZIP_START:
            return
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if sum(part.file_size for part in parts) > _MAX_EXPANSION * os.path.getsize(path):
                raise zipfile.BadZipFile("its parts are far larger than it")
            odd = [part.filename for part in parts if _is_odd(part)]
            damage = odd[0] if odd else archive.testzip()
    except Exception as error:  # of a damaged directory: many kinds
        damage = error
    if damage:
        raise InputError(f"the checkpoint {path} is cut off or damaged ({damage}); get it again")


def _is_odd(part: zipfile.ZipInfo) -> bool:
    # torch reads nothing for a part that is marked as a folder, and leaves chance numbers there.
    is_stored = part.compress_type == zipfile.ZIP_STORED
    return part.external_attr != 0 or (is_stored and part.compress_size != part.file_size)


def _to_detectron2_form(content: dict, is_pickle: bool) -> dict:
    """A dict with ``model``, made as Detectron2 makes it of what its own zoo and others save."""
    if not isinstance(content, dict):
        raise TypeError
    if "model" in content:
        return content
    if is_pickle:
        blobs = content.get("blobs", content)
        weights = {key: blob for key, blob in blobs.items() if not key.endswith("_momentum")}
        return {"model": weights, "__author__": "Caffe2", "matching_heuristics": True}
    if "model_state" in content:  # pycls
        return {"model": content["model_state"], "matching_heuristics": True}
    return {"model": content}


def _to_tensor(key: str, value: torch.Tensor | np.ndarray) -> torch.Tensor:
    if not isinstance(key, str) or not isinstance(value, (torch.Tensor, np.ndarray)):
        raise TypeError
    if isinstance(value, torch.Tensor):
        return value
    return torch.from_numpy(value.astype(value.dtype.newbyteorder("=")))


def _more_than_tensors(message: str) -> str | None:
    for pattern, name in _MORE_THAN_TENSORS:
        if match := pattern.search(message):
            return match.expand(name)
    return None
