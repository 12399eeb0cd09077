"""JSON of unknown origin."""

from __future__ import annotations

import json
import os
from typing import Any

from .errors import InputError
from .files import check_is_file


def read_json(path: str | os.PathLike[str]) -> Any:
    """What a file of JSON says.

    Raises:
        OSError: if it cannot be read.
        InputError: naming the file, if it is a folder, pipe or device, and as `parse_json` does.
    """
    check_is_file(path)
    with open(path, "rb") as file:
        content = file.read()
    try:
        return parse_json(content)
    except InputError as error:
        raise InputError(f"{os.fspath(path)}: {error}") from error


def parse_json(content: bytes | str) -> Any:
    """What a JSON text says.

    Raises:
        InputError: if it is no JSON, is nested too deep, or has a mapping with a key twice.
    """
    try:
        return json.loads(content, object_pairs_hook=_without_duplicates)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"not readable JSON ({error})") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"one mapping has the key '{twice}' twice")
    return result
