"""What values must be: tests, each with the words for it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from reprlib import Repr
from typing import Any, NamedTuple

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 200
_SHORT.maxlevel = 4


class Rule(NamedTuple):
    """What a value must be: a test that takes any value, and the words for it."""

    holds: Callable[[Any], bool]
    words: str


def number(low: float, high: float, *, above: bool = False, below: bool = False) -> Rule:
    """A number between ``low`` and ``high``, which themselves count unless excluded."""

    def holds(value: Any) -> bool:
        if type(value) not in (int, float):
            return False
        large_enough = value > low if above else value >= low
        return large_enough and (value < high if below else value <= high)

    words = f"a number, {'above' if above else 'at least'} {low:g}"
    if high < math.inf:
        words += f" and {'below' if below else 'at most'} {high:g}"
    return Rule(holds, words)


def whole(low: int, high: int, *, step: int = 1) -> Rule:
    """A whole number: ``low``, ``low + step``, ... up to ``high``."""

    def holds(value: Any) -> bool:
        return type(value) is int and low <= value <= high and (value - low) % step == 0

    if step == 1:
        return Rule(holds, f"a whole number, at least {low} and at most {high}")
    return Rule(holds, f"one of {low}, {low + step}, {low + 2 * step}, ... up to {high}")


def flag() -> Rule:
    """True or False."""
    return Rule(lambda value: type(value) is bool, "True or False")


def text(pattern: str = r"(?s).*", words: str = "text") -> Rule:
    """A text that matches ``pattern`` from its first character to its last."""
    return Rule(lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value)), words)


def one_of(*values: Any) -> Rule:
    """One of some values, of the same type."""
    return Rule(
        lambda value: any(type(value) is type(one) and value == one for one in values),
        ("one of " if len(values) > 1 else "") + ", ".join(map(repr, values)),
    )


def several(count: int, rule: Rule, *, ascending: bool = False) -> Rule:
    """A list of ``count`` values that each keep to ``rule``; ``ascending``: none below the last."""

    def holds(value: Any) -> bool:
        if not isinstance(value, list | tuple) or len(value) != count:
            return False
        return all(map(rule.holds, value)) and (not ascending or list(value) == sorted(value))

    order = "in ascending order, " if ascending else ""
    return Rule(holds, f"{count} values, {order}each {rule.words}")


def list_of(rule: Rule, *, distinct: bool = False, ascending: bool = False) -> Rule:
    """A list, perhaps empty, of values that each keep to ``rule``.

    ``distinct``: none of them twice; ``ascending``: each above the one before.
    """

    def holds(value: Any) -> bool:
        if not isinstance(value, list | tuple) or not all(map(rule.holds, value)):
            return False
        if ascending and any(low >= high for low, high in pairwise(value)):
            return False
        return not distinct or len(set(value)) == len(value)

    order = "each above the one before, " if ascending else "none twice, " if distinct else ""
    return Rule(holds, f"a list of values, {order}each {rule.words}")


def none_or(rule: Rule) -> Rule:
    """None, or what keeps to ``rule``."""
    return Rule(lambda value: value is None or rule.holds(value), f"None or {rule.words}")


def shown(value: Any) -> str:
    """``value`` as a message shows it: short and on one line, whatever it is."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python writes no whole numbers of thousands of digits
        return f"a {type(value).__name__} too long to show"
