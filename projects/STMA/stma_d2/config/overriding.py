"""Keys of a configuration by their full names, and the values that overrides give them."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import reduce
from typing import Any

from fvcore.common.config import CfgNode

from ..errors import InputError
from .rules import shown

# Of the letters of two keys, how many they must share for the one to be meant by the other.
_CLOSE = 0.8


def by_full_name(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs of "SECTION.KEY" and value of nested nodes; a node without keys is a value."""
    for name, value in node.items():
        if isinstance(value, dict) and value:
            yield from by_full_name(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def value_of(node: Mapping[str, Any], key: str) -> Any:
    """The value of "SECTION.KEY" in nested nodes.

    Raises:
        KeyError: if there is no such key.
    """
    return reduce(lambda at, name: at[name], key.split("."), node)


def pairs(overrides: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Part ``KEY VALUE`` overrides into keys and values.

    Raises:
        InputError: if an option is among them, or the last key has no value.
    """
    for word in overrides:
        if isinstance(word, str) and word.startswith("--"):
            raise InputError(
                f"the option {word[:50]} stands among the KEY VALUE overrides; put it before the "
                f"first of them, {overrides[0]}"
            )
    if len(overrides) % 2:
        raise InputError(
            f"the override {overrides[-1]} has no value; overrides are pairs: KEY VALUE"
        )
    return list(zip(overrides[::2], overrides[1::2], strict=True))


def set_value(cfg: CfgNode, key: Any, value: Any, source: str) -> None:
    """Give a key its value, in the type that the key has if it can be had without loss.

    Args:
        cfg: the configuration.
        key: its full name.
        value: Python's, or text that means it.
        source: where both are from, for the message.

    Raises:
        InputError: if there is no such key, or it holds keys itself.
    """
    node, *names = cfg, *str(key).split(".")
    for name in names[:-1]:
        node = node.get(name) if isinstance(node, CfgNode) else None
    if not isinstance(node, CfgNode) or names[-1] not in node:
        raise InputError(f"there is no key {shown(key)}{source}{_hint(cfg, str(key))}")
    present = node[names[-1]]
    if isinstance(present, CfgNode) and value == {}:  # a file's section without keys
        return
    if isinstance(present, CfgNode):
        known = ", ".join(list(present)[:3])
        raise InputError(f"{key} is {shown(value)}{source}; it must hold keys: {known}, ...")
    node[names[-1]] = _like(present, _meant(present, value))


def _hint(cfg: CfgNode, key: str) -> str:
    """The known key that is as good as the same, or ends in the same words; "" if there is none."""
    known = {name.upper(): name for name, _ in by_full_name(cfg)}
    ends = [name for name in known if name.endswith(f".{key.upper()}")]
    close = get_close_matches(key.upper(), known, 1, _CLOSE) or (ends if len(ends) == 1 else [])
    return f"; did you mean {known[close[0]]}?" if close else ""


def _meant(present: Any, value: Any) -> Any:
    """What a text means: itself where a text belongs, and otherwise what Python reads in it."""
    if not isinstance(value, str):
        return value
    try:
        meant = literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return value
    return value if isinstance(present, str) and not isinstance(meant, str) else meant


def _like(present: Any, value: Any) -> Any:
    """``value`` in the type of ``present``, for numbers, lists, and lists in lists."""
    if type(present) is float and type(value) is int:
        return float(value) if abs(value) < 2**53 else value
    if isinstance(present, list | tuple) and isinstance(value, list | tuple):
        if len(present) == len(value) and any(isinstance(item, list | tuple) for item in present):
            value = [_like(one, other) for one, other in zip(present, value, strict=True)]
        return type(present)(value)
    return value
