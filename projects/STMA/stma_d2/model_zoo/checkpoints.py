"""Where trained networks lie, and which there are.

A zoo is a folder, local or behind a URL, with ``index.json``::

    {"format": "stma-zoo", "version": 1,
     "models": {"Synthetic/STMA_tiny_K5.yaml": "Synthetic/STMA_tiny_K5-0123456789abcdef.pth"}}

A file's name holds digits of its SHA-256, which loading compares. ``STMA_MODEL_ZOO`` in the
environment names a zoo that is looked into before the package's own.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from detectron2.utils.file_io import PathManager

from ..checkpoint import names_its_hash
from ..errors import InputError
from ..files import check_is_file
from ..plain_values import fields, mapping
from ..plain_values import text as text_value
from ..safe_json import parse_json

PACKAGED = Path(__file__).parent / "trained"
FORMAT, VERSION = "stma-zoo", 1  # of an index
LONGEST_NAME = 200  # characters of a network's name
INDEX = "index.json"
# Of a network or a file, within a zoo.
_PATH = re.compile(r"(\w[\w.-]*/)*\w[\w.-]*", re.ASCII)


def get_checkpoint_url(name: str) -> str:
    """Where the trained network of that name lies.

    Args:
        name: as in a zoo's index, for example "Synthetic/STMA_tiny_K5.yaml".

    Returns:
        A path or URL, which MODEL.WEIGHTS takes.

    Raises:
        InputError: listing the trained networks, if there is none of that name; or if a zoo cannot
            be read.
    """
    name, found = os.fspath(name), {}
    for root in _roots():
        index = read_index(root)
        if name in index:
            return f"{root}/{index[name]}"
        found |= index
    names = ", ".join(sorted(found)) or "none"
    raise InputError(
        f"no trained network is called {name!r}; there are: {names} (STMA_MODEL_ZOO may name "
        "another zoo's folder or URL)"
    )


def find_checkpoint(name_or_path: str | os.PathLike[str]) -> str:
    """A checkpoint's path or URL; a name that ends in .yaml is looked up in the zoo."""
    name_or_path = os.fspath(name_or_path)
    is_name = name_or_path.endswith((".yaml", ".yml"))
    return get_checkpoint_url(name_or_path) if is_name else name_or_path


def read_index(root: str) -> dict[str, str]:
    """The trained networks of a zoo.

    Args:
        root: the zoo's folder or URL.

    Returns:
        Files by name, relative to ``root``; {} where the package ships none.

    Raises:
        InputError: naming the index, if it cannot be read or has another content, or a file that
            lies elsewhere.
    """
    path = f"{root}/{INDEX}"
    check_is_file(path)
    try:
        text = _read(path)
    except Exception as error:  # whatever the handler of such paths raises
        if root == str(PACKAGED) and not PACKAGED.is_dir():
            return {}
        raise InputError(
            f"cannot read the model zoo's {path} ({error}); check STMA_MODEL_ZOO"
        ) from error
    try:
        kind, version, models = fields(parse_json(text), ("format", "version", "models"), "it")
        if (kind, version) != (FORMAT, VERSION):
            raise InputError(f"it has format {kind!r}, version {version!r}")
        models = mapping(models, "models")
        for name, file in models.items():
            check_name(name)
            _check_file(text_value(file, f"the file of {name}"))
    except InputError as error:
        raise InputError(f"{path} is no index of a model zoo: {error}") from error
    return models


def check_name(name: str) -> None:
    """Refuse a name that is no path within a zoo.

    Raises:
        InputError: naming it.
    """
    if not name.endswith(".yaml") or not _PATH.fullmatch(name) or len(name) > LONGEST_NAME:
        raise InputError(
            f"{name!r} is no name of a network; use letters, digits, '-', '_' and '/', at most "
            f"{LONGEST_NAME} of them, and end in .yaml: Synthetic/STMA_tiny_K5.yaml"
        )


def _check_file(file: str) -> None:
    if not _PATH.fullmatch(file):
        raise InputError(f"the file {file!r} is no path within the zoo")
    if not names_its_hash(file):
        raise InputError(f"the file {file} has no digits of its SHA-256 in its name")


def index_text(models: Mapping[str, str]) -> str:
    """The content of an index."""
    content = {"format": FORMAT, "version": VERSION, "models": dict(sorted(models.items()))}
    return json.dumps(content, indent=1) + "\n"


def _roots() -> list[str]:
    chosen = os.path.expanduser(os.environ.get("STMA_MODEL_ZOO", "")).removeprefix("file://")
    return [root.rstrip("/") for root in (chosen, str(PACKAGED)) if root]


def _read(path: str) -> str:
    if not re.match(r"(https?|ftp)://", path):
        with PathManager.open(path) as file:
            return file.read()
    # PathManager keeps what it downloads and never looks again, but an index grows.
    with TemporaryDirectory() as folder:
        local = PathManager.get_local_path(path, force=True, cache_dir=folder)
        return Path(local).read_text(encoding="utf-8")
