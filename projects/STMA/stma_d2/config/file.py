"""Reading a configuration file without running what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from ..errors import InputError
from .rules import shown

BASE_KEY = "_BASE_"  # Detectron2's: another file, whose values come first
# Of a file, in bytes: hundreds of times what all keys take.
_MAX_SIZE = 2**18


class FileValue(NamedTuple):
    """The value of a key, and the file that gives it."""

    value: Any
    path: str


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader for plain values alone.

    It knows tuples, takes dates for text, and refuses a key that stands twice. It also refuses
    aliases, by which a short file describes endless values, but for those of short lists, which
    Detectron2 writes into a run's config.yaml.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        alias = self.check_event(yaml.AliasEvent)
        if alias and not _is_short_list(self.anchors.get(self.peek_event().anchor)):
            raise yaml.composer.ComposerError(
                None, None, "aliases are not read here", self.peek_event().start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"the key {shown(key)} is no text"
            elif key in keys:
                problem = f"the key {shown(key)} stands twice"
            elif "." in key:
                problem = f"the key {shown(key)} has points; keys stand under each other in a file"
            else:
                keys.add(key)
                continue
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        return super().construct_mapping(node, deep)


def _is_short_list(node: yaml.Node | None) -> bool:
    """Whether ``node`` is a whole sequence of a few plain values; one still open has no end."""
    if not isinstance(node, yaml.SequenceNode) or node.end_mark is None:
        return False
    return len(node.value) <= 16 and all(isinstance(v, yaml.ScalarNode) for v in node.value)


_Loader.add_constructor(
    "tag:yaml.org,2002:python/tuple",
    lambda loader, node: tuple(loader.construct_sequence(node, deep=True)),
)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)


def read_config_file(path: str) -> dict[str, FileValue]:
    """Read a YAML file, and those that it is based on.

    Detectron2's own reader makes any Python object that a tag of the file names.

    Args:
        path: of the file; ``_BASE_`` in it is relative to its folder.

    Returns:
        ``{"SECTION.KEY": value}`` of the file, over those of its bases.

    Raises:
        InputError: naming the file, if it or a base is missing, is no YAML or no mapping, holds a
            tag that names more than plain values, a key twice, or is its own base.
    """
    return _read(path, ())


def _read(path: str, derived: tuple[str, ...]) -> dict[str, FileValue]:
    """As `read_config_file`; ``derived`` are the files that lead here by their bases."""
    if not os.path.isfile(path):
        raise InputError(f"there is no configuration file {path}")
    if os.path.realpath(path) in derived:
        raise InputError(f"the configuration {path} is its own {BASE_KEY}")
    if os.path.getsize(path) > _MAX_SIZE:
        raise InputError(f"the configuration {path} is no such file: it is too large")
    try:
        with open(path, encoding="utf-8-sig") as file:
            content = yaml.load(file, _Loader)
    # Besides its own errors PyYAML passes on what Python raises for malformed numbers and tags.
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split()) or "too deep"
        raise InputError(f"the configuration {path} cannot be read: {reason}") from error
    if not isinstance(content, dict):
        raise InputError(f"the configuration {path} holds no keys with values")
    base = content.pop(BASE_KEY, "")
    if not isinstance(base, str):
        raise InputError(f"the configuration {path}: {BASE_KEY} is {shown(base)}, no file's name")
    values = {key: FileValue(value, path) for key, value in _by_full_name(content)}
    if not base:
        return values
    base = os.path.join(os.path.dirname(path), os.path.expanduser(base))
    return {**_read(base, (*derived, os.path.realpath(path))), **values}


def _by_full_name(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _by_full_name(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
