"""Pickles that come from strangers, read without running what they hold.

A pickle is a program: it may import any module and call anything in it. Here it may name only what
plain data needs, and even numpy's own functions are kept from it (numpy trusts the state that a
pickle hands to its dtypes): arrays are rebuilt by this module from a number type that it knows, a
shape and bytes.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InputError


class UnsafePickleError(InputError):
    """The pickle asks for something that is not data."""


def load_plain_pickle(path: str | os.PathLike[str]) -> Any:
    """Read a pickle of numbers, text, plain containers and numpy arrays of numbers.

    Pickles of any protocol are read, of Python 2 (its ``str`` becomes ``str``) and of any numpy.
    ``OrderedDict`` and ``defaultdict`` become ``dict``; arrays become ``numpy.ndarray`` or a
    subclass that adds nothing.

    Raises:
        FileNotFoundError: if there is no such file.
        UnsafePickleError: if the pickle asks for anything else, naming what; nothing was run.
        InputError: if the file is not a whole pickle.
    """
    with open(path, "rb") as file:
        try:
            return _PlainUnpickler(file, encoding="latin1").load()
        except UnsafePickleError as error:
            raise UnsafePickleError(
                f"{os.fspath(path)}: refused. This pickle asks for {error}; annotation files hold "
                "only numbers, text, plain containers and numpy arrays of numbers"
            ) from None
        except Exception as error:  # a damaged or hostile file can raise anything
            raise InputError(f"{os.fspath(path)}: not a readable pickle ({error})") from error


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = _MODULES.get(module, module)
        admitted = _ADMITTED.get((module, name))
        if admitted is None:
            raise UnsafePickleError(f"'{module}.{name}'")
        if not isinstance(admitted, type) and callable(admitted):
            return lambda *args: admitted(*args)  # a pickle can set attributes on what it is given
        return admitted


class _NumberType:
    """Stands in for ``numpy.dtype``: a number type such as "f4" and its byte order."""

    def __init__(self, name: str, align: object = False, copy: object = False) -> None:
        if not re.fullmatch("b1|[iu][1248]|f[248]", name):
            raise UnsafePickleError(f"an array of type {name!r}")
        self.name = name
        self.byte_order = "="

    def __setstate__(self, state: tuple) -> None:
        self.byte_order = {"<": "<", ">": ">"}.get(state[1], "=")

    def to_numpy(self) -> np.dtype:
        return np.dtype(self.byte_order + self.name)


class _Array(np.ndarray):
    """An array that accepts its state only in terms of a `_NumberType`."""

    def __setstate__(self, state: tuple) -> None:
        _, shape, number_type, is_fortran, data = state
        super().__setstate__((1, shape, number_type.to_numpy(), is_fortran, _to_bytes(data)))


def _to_bytes(data: object) -> bytes:
    # Python 2 wrote bytes as its `str`, which is read as Latin-1.
    return data.encode("latin1") if isinstance(data, str) else bytes(memoryview(data))


def _new_array(kind: object, shape: object, code: object) -> np.ndarray:
    """For ``numpy.core.multiarray._reconstruct``: an empty array that waits for its state."""
    return np.empty(0, dtype=np.uint8).view(_Array)


def _array_from_buffer(
    data: bytes, number_type: _NumberType, shape: tuple[int, ...], order: str
) -> np.ndarray:
    """For ``numpy.core.numeric._frombuffer``, which protocol 5 uses."""
    array = np.frombuffer(_to_bytes(data), number_type.to_numpy())
    return array.reshape(shape, order="F" if order == "F" else "C").copy()


def _scalar(number_type: _NumberType, data: bytes | str) -> int | float | bool:
    """For ``numpy.core.multiarray.scalar``."""
    return np.frombuffer(_to_bytes(data), number_type.to_numpy()).item()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """For ``_codecs.encode``, which is how Python 3 writes bytes below protocol 3."""
    return text.encode("latin1")


_MODULES = {
    "__builtin__": "builtins",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
}
_ADMITTED: dict[tuple[str, str], Callable | str] = {
    ("builtins", "dict"): dict,
    ("builtins", "list"): list,
    ("collections", "OrderedDict"): dict,
    ("collections", "defaultdict"): lambda default_factory=None: {},
    ("numpy", "ndarray"): "ndarray",  # only ever handed to `_reconstruct`
    ("numpy", "dtype"): _NumberType,
    ("numpy._core.multiarray", "_reconstruct"): _new_array,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _array_from_buffer,
    ("_codecs", "encode"): _encode,
}
