"""The exception for input that cannot be used, and how entry points end with its message."""

from __future__ import annotations

import builtins
import errno
import os
import re
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# Of a disk that is full, read-only, broken or gone.
DISK_ERRORS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    *(errno.EIO, errno.ESTALE),
}
_TRACE = "Traceback (most recent call last):\n"


class InputError(ValueError):
    """What the user gave cannot be used: a file, an annotation, a configuration, a checkpoint.

    The message says which (file, video, key) and what to do; entry points print it alone,
    without a stack trace.
    """


class Stopped(KeyboardInterrupt):
    """A signal ended the work.

    Attributes:
        exit_code: 128 + the signal's number: 143 after SIGTERM, 130 after Ctrl-C.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def clear_exit() -> Iterator[None]:
    """End the process with one line on stderr where the user, not the code, is to act.

    Standard streams that are closed become the null device. Where nobody reads any more what is
    printed (``| head``), the process ends quietly with status 141, as one does that SIGPIPE ends.

    Status 1 and ``error: <message>`` for an `InputError` and for an `OSError` about a file (it
    names one, or the disk is full, read-only or gone), also where a data loader's worker or another
    process of the same training raised it. Status 130 for Ctrl-C, 143 for SIGTERM, which end the
    work as an exception does, so that no half-written file stays. A bug's exception passes with
    its stack trace. ``STMA_DEBUG=1`` in the environment shows the trace of all of them.
    """
    _open_streams()
    try:
        with _signals_raised():
            yield
            sys.stdout.flush()
    except KeyboardInterrupt as end:
        if os.environ.get("STMA_DEBUG"):
            raise
        print(str(end) or "interrupted", file=sys.stderr)
        sys.exit(getattr(end, "exit_code", 130))
    except Exception as error:
        if isinstance(error, BrokenPipeError) and any(map(_is_unread, _outputs())):
            sys.exit(128 + signal.SIGPIPE)
        message = _message_for_user(error)
        if message is None or os.environ.get("STMA_DEBUG"):
            raise
        sys.exit(f"error: {message}")
    finally:
        for number in filter(_is_unread, _outputs()):  # else Python complains of it at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _open_streams() -> None:
    """Open the null device for what is closed: a file that took its number would be written to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))


def _outputs() -> list[int]:
    """The numbers of the files that are printed to."""
    numbers = []
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # a notebook's, or a test's
            numbers.append(stream.fileno())
    return numbers


def _is_unread(number: int) -> bool:
    """Whether it is a pipe, or a socket, whose other end is closed."""
    waiting = select.poll()
    waiting.register(number, 0)
    return any(event & select.POLLERR for _, event in waiting.poll(0))


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C raise `Stopped`, once: what a launcher passes on ends no clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1:
            word = "interrupted" if number == signal.SIGINT else "terminated"
            raise Stopped(word, 128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if not came:  # else the process is about to end
            for number, handler in before.items():
                signal.signal(number, handler)


def _message_for_user(error: Exception) -> str | None:
    """What the user is to read, or None where the error is a bug's."""
    kind, message = _cause(error)
    if issubclass(kind, InputError):
        return message
    if not issubclass(kind, OSError):
        return None
    system = re.fullmatch(r"\[Errno (\d+)\] (.*?)(: '.*)?", message, re.DOTALL)
    if system is None:  # written by a person
        return message if issubclass(kind, FileNotFoundError | FileExistsError) else None
    number, reason, file = system.groups()
    return reason + (file or "") if file or int(number) in DISK_ERRORS else None


def _cause(error: Exception) -> tuple[type, str]:
    """Type and message of ``error``, or of what another process raised: PyTorch gives its trace."""
    message = str(error)
    _, _, trace = message.rpartition(_TRACE)
    last = re.search(r"^(?:\w+\.)*(\w+): (.*)", trace, re.MULTILINE | re.DOTALL)
    if _TRACE not in message or last is None:
        return type(error), message
    name, message = last.groups()
    kind = InputError if name == "InputError" else getattr(builtins, name, type(error))
    return kind, message.strip()
