"""Lists of class names that lie beside annotations with numbered classes."""

from __future__ import annotations

import re

from ...errors import InputError
from ...plain_values import whole_decimal
from .members import Member

_ENTRY = re.compile(r"\b(?:item|label)\s*\{([^{}]*)\}")
_NAME = re.compile(r'\bname\s*:\s*(?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\')')
_NUMBER = re.compile(r"\b(?:id|label_id)\s*:\s*([0-9]{1,9})\b")


def read_label_list(member: Member) -> dict[int, str]:
    """Class names by their number.

    Args:
        member: one name a line, numbered from 1, as MOT's ``labels.txt``; or the entries
            ``item { name: "..." id: 1 }`` (or ``label {... label_id: 1 }``) of AVA's ``.pbtxt``.

    Raises:
        InputError: naming the file and the line, if it is anything else.
    """
    if member.path.lower().endswith(".csv"):
        raise InputError(
            f"{member.source} is a table; make it a .txt of one name a line, in the order of their "
            "numbers"
        )
    text = decode(member)
    if member.path.lower().endswith(".pbtxt"):
        return _from_entries(text, member.source)
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if "" in (line.strip() for line in lines):
        number = [line.strip() for line in lines].index("") + 1
        raise InputError(f"{member.source}, line {number}: empty; one label a line was expected")
    return dict(enumerate(lines, start=1))


def _from_entries(text: str, source: str) -> dict[int, str]:
    labels: dict[int, str] = {}
    for entry in _ENTRY.finditer(text):
        name, number = _NAME.search(entry[1]), _NUMBER.search(entry[1])
        line = text.count("\n", 0, entry.start()) + 1
        if name is None or number is None:
            raise InputError(f"{source}, line {line}: an entry without a name or an id")
        identity = whole_decimal(number[1], f"{source}, line {line}: id")
        if identity in labels:
            raise InputError(f"{source}, line {line}: the id {identity} is there twice")
        labels[identity] = name[1] if name[1] is not None else name[2]
    if not labels:
        raise InputError(f'{source} has no entries such as item {{ name: "run" id: 1 }}')
    return labels


def decode(member: Member) -> str:
    """A file's content as text in UTF-8, with or without a byte order mark.

    Raises:
        InputError: naming the file, if it is no such text.
    """
    try:
        return member.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{member.source} is no text in UTF-8 (byte {error.start}); save it as UTF-8"
        ) from error
