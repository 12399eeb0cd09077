"""Reading YAML without running what it holds."""

from __future__ import annotations

import os
import reprlib
from typing import IO, Any

import yaml

from .errors import InputError

# Of a file, in bytes: hundreds of times what all keys of a configuration take.
_MAX_SIZE = 2**18


def _is_flat_list(node: yaml.Node | None) -> bool:
    whole = isinstance(node, yaml.SequenceNode) and node.end_mark is not None
    return whole and all(isinstance(item, yaml.ScalarNode) for item in node.value)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader for plain values alone.

    It knows tuples, takes dates for text, and refuses a key that stands twice. Aliases, by which a
    short file describes endless values, are refused but for flat lists, which Detectron2 writes so
    where two keys have the same list.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        is_alias, mark = self.check_event(yaml.AliasEvent), self.peek_event().start_mark
        node = super().compose_node(parent, index)
        if is_alias and not _is_flat_list(node):
            raise yaml.composer.ComposerError(None, None, "aliases are not read here", mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"the key {reprlib.repr(key)} is no text"
            elif key in keys:
                problem = f"the key {reprlib.repr(key)} stands twice"
            elif "." in key:
                problem = (
                    f"the key {reprlib.repr(key)} has points; keys stand under each other in a file"
                )
            else:
                keys.add(key)
                continue
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_constructor(
    "tag:yaml.org,2002:python/tuple",
    lambda loader, node: tuple(loader.construct_sequence(node, deep=True)),
)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)


def read_yaml(path: str, what: str) -> dict[str, Any]:
    """Read a YAML file of keys with plain values.

    Args:
        path: of the file.
        what: the file is, for messages: "configuration".

    Raises:
        InputError: naming the file, if it is missing, no YAML or no mapping, holds a tag that names
            more than plain values, or a key twice.
    """
    if not os.path.isfile(path):
        raise InputError(f"there is no {what} file {path}")
    if os.path.getsize(path) > _MAX_SIZE:
        raise InputError(f"the {what} {path} is no such file: it is too large")
    with open(path, encoding="utf-8-sig") as file:
        return parse_yaml(file, f"the {what} {path}")


def parse_yaml(text: str | IO[str], source: str) -> dict[str, Any]:
    """Parse YAML of keys with plain values.

    Args:
        text: itself or an open file.
        source: what it is, for messages.

    Raises:
        InputError: naming the source, as `read_yaml` does.
    """
    try:
        content = yaml.load(text, _Loader)
    # Besides its own errors PyYAML passes on what Python raises for malformed numbers and tags.
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split()) or "too deep"
        raise InputError(f"{source} cannot be read: {reason}") from error
    if not isinstance(content, dict):
        raise InputError(f"{source} holds no keys with values")
    return content
