"""Pickles of unknown origin, read without running what they hold.

A pickle is a program: it can import any module and call anything in it, and a few bytes can ask
Python's own reader for gigabytes or for a nesting that overflows the stack. So its instructions are
carried out here. They build plain data only, and no more of it than the file has bytes for.
"""

from __future__ import annotations

import codecs
import io
import math
import os
import pickletools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .files import check_is_file

MAX_DEPTH = 50  # containers inside each other
# To the file's bytes: the items of all containers, where a part counts as often as it is referred
# to, and the memory of what is built from text and bytes.
MAX_ITEMS_PER_BYTE = 16
MAX_MEMORY_PER_BYTE = 64


class UnsafePickleError(InputError):
    """The pickle asks for something that is not data."""


def load_plain_pickle(path: str | os.PathLike[str]) -> Any:
    """Read a pickle of numbers, text, lists, tuples, dicts and numpy arrays of numbers or text.

    It reads every protocol, what Python 2 wrote (its ``str`` becomes ``str``) and every numpy.
    ``OrderedDict`` and ``defaultdict`` become ``dict``, numpy's scalars become Python's.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is a folder, pipe or device.
        UnsafePickleError: if the pickle asks for anything else; the message names it. Nothing ran.
        InputError: if the file is no pickle, is cut off or damaged, or holds data of an
            unreasonable depth or size.
    """
    check_is_file(path)
    content = Path(path).read_bytes()
    try:
        data = _PlainPickle(content).load()
        _check_extent(data, len(content))
        return data
    except UnsafePickleError as error:
        raise UnsafePickleError(
            f"{os.fspath(path)}: refused. This pickle asks for {error}; it may hold only numbers, "
            "text, plain containers and numpy arrays of these"
        ) from None
    except Exception as error:  # a damaged or hostile file can raise anything
        raise InputError(
            f"{os.fspath(path)}: not a readable pickle, or cut off or damaged ({error})"
        ) from error


def _check_extent(data: Any, num_bytes: int) -> None:
    """Refuse data that is nested too deep, contains itself or repeats itself without end."""
    level, count = [data], 0
    for _ in range(MAX_DEPTH):
        if any(isinstance(item, (_Name, _NumberType)) for item in level):
            raise ValueError("a function or a type where data belongs")
        containers = [item for item in level if isinstance(item, (list, tuple, dict))]
        count += sum(map(len, containers))
        if count > MAX_ITEMS_PER_BYTE * num_bytes:
            raise ValueError(f"its {num_bytes} bytes stand for more than {count} items")
        level = [
            item
            for container in containers
            for item in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return
    raise ValueError(f"its containers are nested more than {MAX_DEPTH} deep")


@dataclass(frozen=True)
class _Name:
    """The name of a function or a type that the pickle may use, such as "numpy.ndarray"."""

    name: str

    @classmethod
    def admitted(cls, module: str, attribute: str) -> _Name:
        name = ".".join((module, attribute))  # (raises where these are no text)
        name = name.replace("__builtin__.", "builtins.").replace("numpy.core.", "numpy._core.")
        if name not in _FUNCTIONS and name not in _ARGUMENTS:
            raise UnsafePickleError(f"{name!r}")
        return cls(name)


class _NumberType:
    """Stands in for ``numpy.dtype``: a type such as "f4" and its byte order."""

    def __init__(self, name: str, *_: object) -> None:
        if not re.fullmatch(r"b1|[iu][1248]|f[248]|[US]\d{1,4}", name):
            raise UnsafePickleError(f"an array of type {name!r}")
        self.name = name
        self.byte_order = "="

    def to_numpy(self) -> np.dtype:
        return np.dtype(self.byte_order + self.name)


class _PlainPickle:
    """Carries out a pickle's instructions; :mod:`pickletools` says what each of them means."""

    def __init__(self, content: bytes) -> None:
        self.file = io.BytesIO(content)
        self.memory_left = MAX_MEMORY_PER_BYTE * len(content)
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def load(self) -> Any:
        """Run to the end and return what was built."""
        while True:
            code = self.file.read(1)
            instruction = pickletools.code2op.get(code.decode("latin1"))
            if instruction is None:
                raise ValueError(f"no instruction {code!r}" if code else "it ends too early")
            if instruction.name == "STOP":
                (data,) = self.stack
                return data
            self._carry_out(instruction.name, self._read_argument(instruction))

    def _read_argument(self, instruction: pickletools.OpcodeInfo) -> Any:
        if instruction.name == "STRING":  # Python 2's; pickletools would take it for ASCII
            return codecs.escape_decode(self.file.readline().strip()[1:-1])[0].decode("latin1")
        return instruction.arg.reader(self.file) if instruction.arg else None

    def _carry_out(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name.startswith("EMPTY_") and name[6:] in _CONTAINERS:
            stack.append(_CONTAINERS[name[6:]]([]))
        elif name in _CONTAINERS:
            items = self._pop_to_mark()
            stack.append(_CONTAINERS[name](items))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple(self._pop(int(name[-1]))))
        elif name in ("APPEND", "APPENDS"):
            items = self._pop(1) if name == "APPEND" else self._pop_to_mark()
            self._top(list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = self._pop(2) if name == "SETITEM" else self._pop_to_mark()
            self._top(dict).update(_to_dict(items))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if argument is None else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            stack.append(_Name.admitted(*(argument.split(" ") if argument else self._pop(2))))
        elif name == "REDUCE":
            function, arguments = self._pop(2)
            stack.append(self._within_memory(_call(function, arguments)))
        elif name == "BUILD":
            (state,) = self._pop(1)
            _set_state(stack[-1], state)
            self._within_memory(stack[-1])
        elif name not in ("PROTO", "FRAME"):
            raise UnsafePickleError(f"the instruction {name}")

    def _pop(self, count: int) -> list[Any]:
        if len(self.stack) - (self.marks[-1] if self.marks else 0) < count:
            raise ValueError("an instruction lacks its operands")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def _pop_to_mark(self) -> list[Any]:
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def _top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"{type(self.stack[-1]).__name__} where a {kind.__name__} belongs")
        return self.stack[-1]

    def _within_memory(self, value: Any) -> Any:
        self.memory_left -= sys.getsizeof(value)
        if self.memory_left < 0:
            raise ValueError("it asks for far more memory than it has bytes")
        return value


def _call(function: object, arguments: tuple) -> Any:
    if not isinstance(function, _Name) or function.name not in _FUNCTIONS:
        raise UnsafePickleError(f"a call of {getattr(function, 'name', type(function).__name__)}")
    return _FUNCTIONS[function.name](*arguments)


def _set_state(target: object, state: tuple) -> None:
    """Fill what `_FUNCTIONS` made: an array, or a type with its byte order."""
    if isinstance(target, _NumberType):
        target.byte_order = state[1] if state[1] in ("<", ">") else "="
    elif isinstance(target, np.ndarray):
        _, shape, number_type, is_fortran, data = state
        dtype, data = number_type.to_numpy(), _to_bytes(data)
        if not all(isinstance(side, int) and side >= 0 for side in shape):
            raise ValueError("an array whose shape is not of whole numbers")
        if math.prod(shape) * dtype.itemsize != len(data):
            raise ValueError(f"an array whose {len(data)} bytes are not what its shape needs")
        target.__setstate__((1, shape, dtype, is_fortran, data))
    else:
        raise UnsafePickleError(f"a change of a {type(target).__name__}")


def _to_dict(items: list[Any]) -> dict:
    """From keys and values in turn."""
    keys, values = items[::2], items[1::2]
    for key in keys:
        # (Python hashes nested tuples by a recursion that nothing bounds.)
        if not isinstance(key, (str, bytes, int, float, type(None))):
            raise UnsafePickleError(f"a dict with a {type(key).__name__} as its key")
    return dict(zip(keys, values, strict=True))


def _ordered_dict(pairs: list[tuple[Any, Any]] = ()) -> dict:
    """For ``collections.OrderedDict``, which Python 2 hands its pairs."""
    return _to_dict([item for key, value in pairs for item in (key, value)])


def _to_bytes(data: object) -> bytes:
    # Python 2 wrote bytes as its `str`, which is read as Latin-1.
    return data.encode("latin1") if isinstance(data, str) else bytes(memoryview(data))


def _array_from_buffer(
    data: bytes, number_type: _NumberType, shape: tuple[int, ...], order: str
) -> np.ndarray:
    """For ``numpy.core.numeric._frombuffer``, which protocol 5 uses."""
    array = np.frombuffer(_to_bytes(data), number_type.to_numpy())
    return array.reshape(shape, order="F" if order == "F" else "C").copy()


def _scalar(number_type: _NumberType, data: bytes | str) -> int | float | bool | str:
    """For ``numpy.core.multiarray.scalar``."""
    value = np.frombuffer(_to_bytes(data), number_type.to_numpy()).item()
    return value.decode("latin1") if isinstance(value, bytes) else value


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 "
    "BYTEARRAY8".split()
)
_CONTAINERS = {"LIST": list, "TUPLE": tuple, "DICT": _to_dict}
# What a pickle may call, and what is done in its place.
_FUNCTIONS: dict[str, Callable] = {
    "builtins.bytes": lambda: b"",  # no bytes, below protocol 3
    "_codecs.encode": lambda text, encoding: text.encode("latin1"),  # bytes, below protocol 3
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": lambda default_factory=None: {},
    "numpy.dtype": _NumberType,
    "numpy._core.multiarray._reconstruct": lambda *_: np.empty(0, np.uint8),  # to be filled
    "numpy._core.multiarray.scalar": _scalar,
    "numpy._core.numeric._frombuffer": _array_from_buffer,
}
# What it may hand to these.
_ARGUMENTS = ("builtins.dict", "builtins.list", "numpy.ndarray")
