"""The files that a path stands for: itself, what lies in a folder, or what lies in a zip file.

Members of a zip file are read into memory by name and never unpacked onto the disk, so that their
names lead nowhere.
"""

from __future__ import annotations

import os
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from ...errors import InputError
from ...files import check_is_file

MAX_BYTES = 1 << 28  # of one file, unpacked: 256 MiB
# Names that say nothing about which video a file is about.
_EVERYWHERE = ("annotations", "gt")


@dataclass(frozen=True)
class Member:
    """A file, wherever it lies.

    Attributes:
        path: on the disk, or in the zip file.
        archive: the zip file; None: it lies on the disk.
    """

    path: str
    archive: str | None = None

    @property
    def source(self) -> str:
        """What messages call it."""
        return f"{self.archive}/{self.path}" if self.archive else self.path

    @property
    def title(self) -> str:
        """What its place says that it is about: ``walk`` of walk.zip/gt/gt.txt and of walk.txt."""
        path = PurePosixPath(self.path if self.archive else os.path.abspath(self.path))
        archive = [Path(self.archive).stem] if self.archive else []
        names = [path.stem, *(parent.name for parent in path.parents), *archive]
        return next((name for name in names if name and name not in _EVERYWHERE), path.stem)

    def read(self) -> bytes:
        """Its content.

        Raises:
            InputError: if it is damaged, encrypted, larger than `MAX_BYTES`, or a folder, pipe or
                device.
        """
        if self.archive is None:
            check_is_file(self.path)
            size = os.path.getsize(self.path)
        else:
            with _opened(self.archive) as archive:
                size = archive.getinfo(self.path).file_size
        if size > MAX_BYTES:
            raise InputError(f"{self.source} has {size} bytes; files of up to {MAX_BYTES} are read")
        if self.archive is None:
            return Path(self.path).read_bytes()
        with _opened(self.archive) as archive, archive.open(self.path) as file:
            return file.read(MAX_BYTES)  # (never more than the size that it states)

    def beside(self, name: str) -> Member:
        """The file of that name in the same folder; ``../name`` for the folder above."""
        path = os.path.join(os.path.dirname(self.path), name)
        return Member(posixpath.normpath(path) if self.archive else path, self.archive)

    def exists(self) -> bool:
        """Whether there is such a file."""
        if self.archive is None:
            return os.path.isfile(self.path)
        with _opened(self.archive) as archive:
            return self.path in archive.NameToInfo


def find_members(path: str, *patterns: str) -> list[Member]:
    """The files of a path whose name fits; in a folder also those within its zip files.

    Args:
        path: a file, a folder or a zip file.
        patterns: as in `fnmatch`, in lower case: ``*.xml``.

    Returns:
        them, ordered by name.

    Raises:
        InputError: if a zip file is damaged.
    """
    files = [path]
    if os.path.isdir(path):
        files = sorted(str(file) for file in Path(path).rglob("*") if file.is_file())
    found = []
    for file in files:
        if file.lower().endswith(".zip"):
            found += _in_archive(file, patterns)
        elif _fits(file, patterns):
            found.append(Member(file))
    return found


def _in_archive(path: str, patterns: tuple[str, ...]) -> Iterator[Member]:
    with _opened(path) as archive:
        names = sorted(archive.NameToInfo)
    return (Member(name, path) for name in names if _fits(name, patterns))


def _fits(path: str, patterns: tuple[str, ...]) -> bool:
    name = posixpath.basename(path).lower()
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@contextmanager
def _opened(path: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        NotImplementedError,  # a compression that Python does not know
        OSError,  # a place beyond the file
        RuntimeError,  # encrypted
        ValueError,
    ) as error:
        raise InputError(
            f"{path}: not a readable zip file, or damaged or encrypted ({error})"
        ) from error
