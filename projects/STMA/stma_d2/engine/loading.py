"""Loaders whose workers survive signals, and whose failures are told in one message."""

from __future__ import annotations

import multiprocessing.connection
import multiprocessing.util
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial

from torch.utils.data import DataLoader

from ..child_process import end_with_parent, outlive_signals
from ..errors import InputError

_DESCRIPTORS = (
    "the data loading workers ran out of file descriptors; raise the limit (ulimit -n, docker run "
    "--ulimit nofile=...), or lower DATALOADER.NUM_WORKERS"
)
_KILLED = (
    "a data loading worker was killed, perhaps for want of memory (see dmesg), of shared memory "
    "(/dev/shm; docker run --shm-size ...) or of file descriptors (ulimit -n); lower "
    "DATALOADER.NUM_WORKERS if there are no more"
)
# What PyTorch says where a worker cannot go on, and what that means.
_CAUSES = (
    (
        "DataLoader timed out",
        "no batch came within DATALOADER.TIMEOUT: a data loading worker hangs, because a file "
        "cannot be read (a network disk, a pipe in place of a file?), or for want of file "
        "descriptors (ulimit -n) or shared memory (/dev/shm)",
    ),
    ("DataLoader worker (pid", _KILLED),
    ("ancdata", _DESCRIPTORS),
    ("Too many open files", _DESCRIPTORS),
)


def prepare_workers(loader: DataLoader, timeout: int) -> DataLoader:
    """Let a loader's workers live by our rules; returns the loader, changed in place.

    Args:
        loader: of which nothing is read yet.
        timeout: seconds after which a batch that does not come is an error; 0 waits for ever.
    """
    if loader.num_workers > 0:
        loader.timeout = timeout
        loader.worker_init_fn = partial(_start_worker, loader.worker_init_fn)
        _end_workers_with_us()
    return loader


@cache
def _end_workers_with_us() -> None:
    """At a process's end multiprocessing waits for workers, which don't end on its SIGTERM."""
    multiprocessing.util.Finalize(None, _kill_workers, exitpriority=0)


def _kill_workers() -> None:
    _ignore_ends_of_workers()
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()


def _ignore_ends_of_workers() -> None:
    """Take PyTorch's handler away, which raises, anywhere, when a worker ends by a signal."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _start_worker(initialize: Callable[[int], None] | None, worker_id: int) -> None:
    outlive_signals()
    end_with_parent()
    if initialize is not None:
        initialize(worker_id)


@contextmanager
def worker_failures_named(loader: DataLoader) -> Iterator[None]:
    """Turn what PyTorch raises where a worker hangs or dies into an error that says why.

    Args:
        loader: the one that is read; its ``whereabouts`` (see `build_train_loader`) are told.

    Raises:
        InputError: naming the likely cause, the video that the worker was at, and what to do.
    """
    try:
        try:
            yield
        except Exception:
            _ignore_ends_of_workers()
            raise
    except (RuntimeError, OSError, EOFError) as error:
        if cause := _cause(error):
            said = str(error).partition("\n")[0] or type(error).__name__
            raise InputError(f"{cause} ({said}){_where(loader, said)}") from error
        raise


def _where(loader: DataLoader, said: str) -> str:
    """Which video the workers, of which PyTorch said something, were at."""
    processes = {int(number) for number in re.findall(r"\d+", said)}
    videos = loader.whereabouts.videos(processes)
    return f"; it was at video {' or '.join(map(repr, videos))}" if videos else ""


def _cause(error: Exception) -> str | None:
    for words, cause in _CAUSES:
        if words in str(error):
            return cause
    # The worker's end of the connection through which tensors come is gone; a file has a name.
    gone = isinstance(error, FileNotFoundError) and error.filename is None
    return _KILLED if gone or isinstance(error, ConnectionError | EOFError) else None
