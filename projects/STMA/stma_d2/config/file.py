"""Finding a configuration file, and reading it without running what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..safe_yaml import read_yaml
from .rules import shown

BASE_KEY = "_BASE_"  # Detectron2's: another file, whose values come first
# The project's own configurations, of an installed package and of a checkout.
_FOLDERS = (
    Path(__file__).parents[1] / "model_zoo" / "configs",
    Path(__file__).parents[2] / "configs",
)


class FileValue(NamedTuple):
    """The value of a key, and the file that gives it."""

    value: Any
    path: str


def find_config_file(name: str) -> str:
    """The path of a configuration.

    Args:
        name: a file, or a configuration of the project as the model zoo calls it:
            "Synthetic/STMA_tiny_K5.yaml", with or without ``configs/`` before it.

    Raises:
        InputError: listing the project's configurations, if there is neither.
    """
    name = os.path.expanduser(name)
    if os.path.isfile(name):
        return name
    for folder in _FOLDERS:
        if "\0" not in name and (path := folder / name.removeprefix("configs/")).is_file():
            return str(path)
    names = sorted({str(f.relative_to(d)) for d in _FOLDERS for f in d.rglob("*.yaml")})
    raise InputError(
        f"there is no configuration file {name}; the project's own are {', '.join(names)}"
    )


def read_config_file(path: str) -> dict[str, FileValue]:
    """Read a YAML file, and those that it is based on.

    Detectron2's own reader makes any Python object that a tag of the file names.

    Args:
        path: see `find_config_file`; ``_BASE_`` in it is relative to its folder, or a configuration
            of the project.

    Returns:
        ``{"SECTION.KEY": value}`` of the file, over those of its bases.

    Raises:
        InputError: naming the file, if it or a base is missing, is no YAML or no mapping, holds a
            tag that names more than plain values, a key twice, or is its own base.
    """
    return _read(find_config_file(path), ())


def _read(path: str, derived: tuple[str, ...]) -> dict[str, FileValue]:
    """As `read_config_file`; ``derived`` are the files that lead here by their bases."""
    if os.path.realpath(path) in derived:
        raise InputError(f"the configuration {path} is its own {BASE_KEY}")
    content = read_yaml(path, "configuration")
    base = content.pop(BASE_KEY, "")
    if not isinstance(base, str):
        raise InputError(f"the configuration {path}: {BASE_KEY} is {shown(base)}, no file's name")
    values = {key: FileValue(value, path) for key, value in by_full_name(content)}
    if not base:
        return values
    beside = os.path.join(os.path.dirname(path), os.path.expanduser(base))
    base = beside if os.path.isfile(beside) else find_config_file(base)
    return {**_read(base, (*derived, os.path.realpath(path))), **values}


def by_full_name(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs of "SECTION.KEY" and value of what a file holds."""
    for name, value in node.items():
        if isinstance(value, dict):
            yield from by_full_name(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
