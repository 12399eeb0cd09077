"""Finding a configuration file, and reading it without running what it holds."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..safe_yaml import read_yaml
from .overriding import by_full_name
from .rules import shown

BASE_KEY = "_BASE_"  # Detectron2's: another file, whose values come first
_LONGEST = 200  # characters of a name that is compared with those that there are
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
        InputError: with the project's configurations of the closest names, if there is neither.
    """
    if path := _found(name):
        return path
    own = sorted({str(f.relative_to(d)) for d in _FOLDERS for f in d.rglob("*.yaml")})
    close = get_close_matches(name.removeprefix("configs/")[:_LONGEST], own, 3, cutoff=0)
    raise InputError(
        f"there is no configuration file {shown(name)}; of the project's own {len(own)} the names "
        f"{', '.join(close)} are closest"
    )


def _found(name: str) -> str | None:
    """The path that `find_config_file` finds, or None."""
    name = os.path.expanduser(name)
    if os.path.isfile(name):
        return name
    paths = (os.path.join(folder, name.removeprefix("configs/")) for folder in _FOLDERS)
    return next(filter(os.path.isfile, paths), None)


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
    found = beside if os.path.isfile(beside) else _found(base)
    if found is None:
        raise InputError(
            f"the configuration {path}: there is no file {shown(base)}, its {BASE_KEY}"
        )
    return {**_read(found, (*derived, os.path.realpath(path))), **values}
