"""Ways to damage a file, by chance or as somebody does who means harm."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable

# What stands for numbers and marks in text, and means trouble.
_WORDS = (
    *(b"1e999", b"-1", b"NaN", b"1e12", b"0.5", b"99999999999999999999", b"null", b"true", b'""'),
    *(b"[" * 3000, b"{" * 3000, b'{"a":' * 2000, b"- " * 2000, b"&a [*a, *a]", b"\xef\xbb\xbf"),
    *(b"!!python/object/apply:os.system ['touch MARKER']", b"!!python/tuple [1]", b"_BASE_: a"),
    *(b"../../../../tmp/MARKER", b"/dev/zero", b"\x00", b"\xff\xfe", b"\r", b"\xe2\x80\xa8"),
)
_INTERESTING = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x01\x00")

Mutation = Callable[[bytes, random.Random], bytes]


def _flip_bits(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set_bytes(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    value = rng.choice((*_INTERESTING, rng.randbytes(rng.choice((1, 2, 4, 8)))))
    return data[:at] + value + data[at + len(value) :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _drop(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice((1, 2, 16, 256, 4096)) :]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    part = data[start : start + rng.choice((1, 8, 128, 2048))]
    return data[:start] + part * rng.choice((2, 3, 50)) + data[start + len(part) :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.choice((rng.randbytes(rng.randrange(1, 64)), *_WORDS)) + data[at:]


def _replace_word(data: bytes, rng: random.Random) -> bytes:
    """Another word in the place of one, of which each kind is as likely as the others."""
    pattern = rng.choice((rb"-?\d[\d.e+-]*", rb"[A-Za-z_]\w*", rb'"[^"\n]*"', rb"[\[\]{}:,<>]"))
    found = list(re.finditer(pattern, data))
    if not found:
        return _set_bytes(data, rng)
    word, other = rng.choice(found), rng.choice(found)[0]
    value = rng.choice((*_WORDS, other, other, b""))
    return data[: word.start()] + value + data[word.end() :]


def _swap_lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


BYTES: tuple[Mutation, ...] = (_flip_bits, _set_bytes, _cut, _drop, _repeat, _insert)
TEXT: tuple[Mutation, ...] = (*BYTES, _replace_word, _replace_word, _replace_word, _swap_lines)


def mutate(data: bytes, ways: tuple[Mutation, ...], rng: random.Random) -> bytes:
    """Damage ``data`` in one to three of the ``ways``."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(ways)(data, rng) if data else b""
    return data


def mutate_member(data: bytes, ways: tuple[Mutation, ...], rng: random.Random) -> bytes:
    """Damage one part of a zip file, whose checksums then are those of the damaged content."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [(part.filename, archive.read(part)) for part in archive.infolist()]
    position = rng.randrange(len(parts))
    name, content = parts[position]
    parts[position] = name, mutate(content, ways, rng) if content else b"x"
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return written.getvalue()
