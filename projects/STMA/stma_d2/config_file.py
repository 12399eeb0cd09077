"""Reading a configuration file without running what it holds."""

from __future__ import annotations

import os
from typing import Any

import yaml
from detectron2.config import CfgNode

from .errors import InputError

BASE_KEY = "_BASE_"  # Detectron2's: another file, whose values come first


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which knows tuples and refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", node.value[position][0].start_mark
                )
        return super().construct_mapping(node, deep)


_Loader.add_constructor(
    "tag:yaml.org,2002:python/tuple",
    lambda loader, node: tuple(loader.construct_sequence(node, deep=True)),
)


def read_config_file(path: str) -> CfgNode:
    """Read a YAML file, and those that it is based on.

    Detectron2's own reader makes any Python object that a tag of the file names.

    Args:
        path: of the file; ``_BASE_`` in it is relative to its folder.

    Returns:
        The values of the file, over those of its bases.

    Raises:
        InputError: naming the file, if it or a base is missing, is no YAML or no mapping, holds a
            tag that names more than plain values, a key twice, or is its own base.
    """
    return CfgNode(_read(path, ()))


def _read(path: str, derived: tuple[str, ...]) -> dict[str, Any]:
    """As `read_config_file`; ``derived`` are the files that lead here by their bases."""
    if os.path.realpath(path) in derived:
        raise InputError(f"the configuration {path} is its own {BASE_KEY}")
    if not os.path.isfile(path):
        raise InputError(f"there is no configuration file {path}")
    try:
        with open(path, encoding="utf-8-sig") as file:
            content = yaml.load(file, _Loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split()) or "too deep"
        raise InputError(f"the configuration {path} cannot be read: {reason}") from error
    if not isinstance(content, dict):
        raise InputError(f"the configuration {path} holds no keys with values")
    base = content.pop(BASE_KEY, None)
    if base is None:
        return content
    if not isinstance(base, str):
        raise InputError(f"the configuration {path}: {BASE_KEY} is {base!r}, not a file's name")
    base = os.path.join(os.path.dirname(path), os.path.expanduser(base))
    return _merged(_read(base, (*derived, os.path.realpath(path))), content)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """The values of ``over`` over those of ``base``, node by node."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if both else value
    return merged
