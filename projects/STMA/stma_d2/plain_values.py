"""Plain values of a file of unknown origin, taken only where they are of the expected kind."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import InputError


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A dict whose keys are text; bytes, as Python 2 wrote text, are Latin-1.

    Raises:
        InputError: naming the place, ``where``, if it is anything else or has a key twice.
    """
    if not isinstance(value, dict):
        raise InputError(f"{where} holds {_shown(value)} where a mapping was expected")
    result = {}
    for key, item in value.items():
        name = text(key, f"a key of {where}")
        if name in result:
            raise InputError(f"{where} has the key '{name}' twice")
        result[name] = item
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


def checked_fields(
    value: Any, checks: Mapping[str, Callable[[Any, str], object]], where: str
) -> None:
    """Check the values that a mapping, which may have others, has by the names of ``checks``.

    Raises:
        InputError: naming the place, and what is missing or what a check says.
    """
    found = fields(value, list(checks), where)
    for (name, check), one in zip(checks.items(), found, strict=True):
        check(one, f"{where}: {name}")


def count(value: Any, where: str) -> int:
    """A whole number of at least 0.

    Raises:
        InputError: naming the place, if it is anything else.
    """
    if (value := whole_number(value, where)) < 0:
        raise InputError(f"{where} is {value}; it must be at least 0")
    return value


def items(value: Any, where: str) -> Sequence[Any]:
    """A list or tuple.

    Raises:
        InputError: naming the place, if it is anything else.
    """
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} holds {_shown(value)} where a list was expected")
    return value


def text(value: Any, where: str) -> str:
    """Text; bytes, as Python 2 wrote text, are Latin-1.

    Raises:
        InputError: naming the place, if it is anything else.
    """
    result = value.decode("latin1") if isinstance(value, bytes) else value
    if not isinstance(result, str):
        raise InputError(f"{where} is {_shown(result)} where text was expected")
    return result


def names(value: Any, where: str) -> tuple[str, ...]:
    """A list of texts.

    Raises:
        InputError: naming the place, if it is anything else.
    """
    return tuple(text(name, f"an item of {where}") for name in items(value, where))


def label_names(value: Any, where: str) -> tuple[str, ...]:
    """A list of texts, each once, as the names of classes are.

    Raises:
        InputError: naming the place, if it is anything else.
    """
    found = names(value, where)
    if twice := [name for name in found if found.count(name) > 1]:
        raise InputError(f"{where} holds {_shown(twice[0])} twice")
    return found


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


def number(value: Any, where: str) -> float:
    """A finite number: no true and no "24".

    Raises:
        InputError: naming the place, if it is anything else.
    """
    if type(value) not in (int, float):
        raise InputError(f"{where} is {_shown(value)}; it must be a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise InputError(f"{where} is not finite")
    return result


def percent(value: Any, where: str) -> float:
    """A number of 0 to 100, up to rounding.

    Raises:
        InputError: naming the place, if it is anything else.
    """
    result = number(value, where)
    if not -1e-6 <= result <= 100 + 1e-6:
        raise InputError(f"{where} is {result:g}; it must be 0 to 100")
    return result


def decimal(digits: str, where: str) -> float:
    """A finite number written in digits, as "12", "-0.5" or "1e3".

    Raises:
        InputError: naming the place, if the text is anything else.
    """
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", digits.strip()):
        raise InputError(f"{where} is {_shown(digits)}; it must be a number")
    return number(float(digits), where)


def whole_decimal(digits: str, where: str) -> int:
    """A whole number of at most 32 bits, written in digits.

    Raises:
        InputError: naming the place, if the text is anything else.
    """
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", digits.strip()):
        raise InputError(f"{where} is {_shown(digits)}; it must be a whole number")
    return whole_number(int(digits), where)


def _shown(value: Any) -> str:
    """A value for a message: itself where it is short, or else its kind."""
    simple = isinstance(value, str | bytes | bool | float) or value is None
    return reprlib.repr(value) if simple else f"a {type(value).__name__}"
