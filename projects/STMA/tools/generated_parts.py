"""Parts of documents that commands write and tests compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stma_d2.errors import InputError
from stma_d2.files import atomic_write

END = "<!-- end of the generated part -->"


def write_parts(path: Path, parts: Mapping[str, str], *, check: bool, command: str) -> None:
    """Exchange the generated parts of a page.

    Args:
        path: of the page.
        parts: text by the line that begins the part; `END` ends it.
        check: write nothing, only compare.
        command: what writes them, for the message.

    Raises:
        InputError: if a line is missing; with ``check``, if the page is not up to date.
    """
    old = new = path.read_text(encoding="utf-8")
    for begin, text in parts.items():
        before, found, rest = new.partition(f"{begin}\n")
        _, end, after = rest.partition(END)
        if not found or not end:
            raise InputError(f"{path} lacks the lines {begin} and {END}")
        new = f"{before}{begin}\n{text}{end}{after}"
    if not check:
        with atomic_write(path) as file:
            file.write(new.encode())
    elif new != old:
        raise InputError(f"{path} is not up to date; run {command}")
