"""Files that are written whole or not at all, where they may be written, and their checksums."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import InputError

_LOCK, _SCRATCH = "lock", ".scratch-"
_HASHED_AT_ONCE = 1 << 20  # bytes


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file that appears at ``path`` only if the block ends without an exception.

    The block writes into a temporary file in the same folder, which is then renamed. Missing
    folders are made. A file that was at ``path`` before is replaced, or stays as it was.

    Yields:
        the temporary file, open for writing bytes.

    Raises:
        OSError: naming a file, if it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        with open(partial, "wb") as file:
            yield file
        os.replace(partial, path)
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # of a full disk
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], content: Any, indent: int | None = 2) -> None:
    """Write ``content`` as JSON, whole or not at all; on one line where ``indent`` is None."""
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=indent) + "\n").encode())


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Make a folder that appears at ``path`` only if the block ends without an exception.

    The block writes into another one in the same place. Missing folders are made. At ``path`` may
    be an empty folder.

    Yields:
        the folder to write into.

    Raises:
        OSError: if it cannot be made, or something is at ``path`` when the block ends.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(path.parent, path.name) as scratch:
        new = scratch / "new"
        new.mkdir()
        yield new
        os.replace(new, path)


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Make a hidden folder in ``parent`` that is gone after the block.

    Such folders of this name that killed processes left there are removed first. Those that are in
    use stay: whoever uses one, a process or a thread, holds a lock in it.

    Yields:
        the folder.

    Raises:
        OSError: if it cannot be made.
    """
    for left in parent.glob(f".{glob.escape(name)}{_SCRATCH}*"):
        # FileNotFoundError: not yet, or no longer, in use; BlockingIOError: in use.
        with suppress(OSError), open(left / _LOCK, "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(prefix=f".{name}{_SCRATCH}", dir=parent))
    with ExitStack() as held:
        try:
            lock = held.enter_context(open(folder / f"{_LOCK}.new", "w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.rename(lock.name, folder / _LOCK)  # nobody sees it before it is held
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # before the lock is let go


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Let no other process into such a block for the same folder; wait until it is free.

    Raises:
        OSError: if the folder cannot be made or locked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def check_is_file(path: str | os.PathLike[str]) -> None:
    """Refuse to open a folder, pipe or device, which may give bytes for ever or none.

    What is missing is left to who opens it.

    Raises:
        InputError: naming it.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{os.fspath(path)} is a folder, pipe or device and no file")


def check_output(
    path: str | os.PathLike[str],
    *inputs: str | os.PathLike[str] | None,
    replaces: str | None = None,
) -> None:
    """Refuse a path that `atomic_write` could not write, or must not, before the work is done.

    Args:
        path: the file to write; it and its folder may be missing.
        inputs: what the work reads; the file must not be one of them, under any name or link. None
            stands for nothing.
        replaces: the ending, such as ".json", that a file which is there must have; None: any.

    Raises:
        InputError: naming the path and the reason.
    """
    if not os.fspath(path):
        raise InputError("the name of the output is empty")
    path = Path(path)
    sources = [Path(source) for source in inputs if source]
    if path.exists():
        if not path.is_file():
            raise InputError(f"the output {path} is a folder or device; name a file")
        if any(source.exists() and path.samefile(source) for source in sources):
            raise InputError(f"the output {path} is the input itself; name another file")
        if replaces is not None and path.suffix.lower() != replaces:
            raise InputError(
                f"the output {path} exists and is no {replaces} file; name another file"
            )
        if not os.access(path, os.W_OK):
            raise InputError(f"the output {path} exists and is read-only")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"the output {path} cannot be written in {folder}: {error.strerror}"
        ) from error


def file_sha256(path: str | os.PathLike[str], length: int | None = None) -> str:
    """The SHA-256 of a file's first ``length`` bytes, or of all of them, in hexadecimal."""
    digest = hashlib.sha256()
    left = os.path.getsize(path) if length is None else length
    with open(path, "rb") as file:
        while block := file.read(min(left, _HASHED_AT_ONCE)):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
