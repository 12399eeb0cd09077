"""Values of an annotation file, taken only where they are of the kind that belongs there."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

from ..errors import InputError


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A dict whose keys are text; bytes, as Python 2 wrote text, are Latin-1.

    Raises:
        InputError: naming the place, ``where``, if it is anything else or has a key twice.
    """
    if not isinstance(value, dict):
        raise InputError(f"{where} holds {_shown(value)} where a mapping was expected")
    result = {}
    for key, item in value.items():
        text = _text(key, f"a key of {where}")
        if text in result:
            raise InputError(f"{where} has the key '{text}' twice")
        result[text] = item
    return result


def fields(value: Any, keys: Sequence[str], where: str) -> list[Any]:
    """The values of ``keys`` in a mapping, which may have others.

    Raises:
        InputError: naming the place, and the keys if some are missing.
    """
    data = mapping(value, where)
    missing = [key for key in keys if key not in data]
    if missing:
        raise InputError(f"{where} lacks {', '.join(map(repr, missing))}")
    return [data[key] for key in keys]


def items(value: Any, where: str) -> Sequence[Any]:
    """A list or tuple.

    Raises:
        InputError: naming the place, if it is anything else.
    """
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} holds {_shown(value)} where a list was expected")
    return value


def names(value: Any, where: str) -> tuple[str, ...]:
    """A list of texts.

    Raises:
        InputError: naming the place, if it is anything else.
    """
    return tuple(_text(name, f"an item of {where}") for name in items(value, where))


def whole_number(value: Any, where: str) -> int:
    """A whole number of at most 32 bits: no 24.0 and no true.

    Raises:
        InputError: naming the place, if it is anything else.
    """
    if type(value) is not int:
        raise InputError(f"{where} is {_shown(value)}; it must be a whole number")
    if not -(2**31) <= value < 2**31:
        raise InputError(f"{where} is beyond 32 bits")
    return value


def _text(value: Any, where: str) -> str:
    text = value.decode("latin1") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise InputError(f"{where} is {_shown(value)} where text was expected")
    return text


def _shown(value: Any) -> str:
    """A value for a message: itself where it is short, or else its kind."""
    simple = isinstance(value, str | bytes | bool | float) or value is None
    return reprlib.repr(value) if simple else f"a {type(value).__name__}"
