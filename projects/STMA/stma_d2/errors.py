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
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType

# Of a disk that is full, read-only, broken or gone.
_FULL = {errno.ENOSPC, errno.EDQUOT}
DISK_ERRORS = {*_FULL, errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE}
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


class _Signals:
    """Raises `Stopped` where the main thread is when SIGTERM or Ctrl-C comes.

    Once: what a launcher passes on ends no clean-up. But Python drops what is raised in a callback
    of a fork, of a garbage collection and the like, and libraries make other exceptions of it, so
    that it may have to be raised again.
    """

    _NUMBERS = (signal.SIGINT, signal.SIGTERM)
    _AGAIN = 0.1  # seconds until a dropped one is raised again

    def __init__(self) -> None:
        self._end: Stopped | None = None
        self._handlers: dict[int, object] = {}
        self._unraisable_hook = sys.unraisablehook

    def __enter__(self) -> None:
        self._handlers = {number: signal.signal(number, self._stop) for number in self._NUMBERS}
        sys.unraisablehook = self._dropped

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        sys.unraisablehook = self._unraisable_hook
        if self._end is None:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            return  # else the process is about to end
        signal.setitimer(signal.ITIMER_REAL, 0)
        if kind is None or issubclass(kind, Exception):
            raise self._end

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._end is None:
            word = "interrupted" if number == signal.SIGINT else "terminated"
            self._end = Stopped(word, 128 + number)
            raise self._end

    def _dropped(self, dropped: sys.UnraisableHookArgs) -> None:
        if dropped.exc_value is None or dropped.exc_value is not self._end:
            self._unraisable_hook(dropped)
            return
        signal.signal(signal.SIGALRM, self._raise_again)
        signal.setitimer(signal.ITIMER_REAL, self._AGAIN)

    def _raise_again(self, number: int, frame: FrameType | None) -> None:
        raise self._end


def _signals_raised() -> AbstractContextManager:
    """`_Signals`, where they can be heeded: in the main thread."""
    return _Signals() if threading.current_thread() is threading.main_thread() else nullcontext()


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
    if int(number) in _FULL:
        return f"{reason}{file or ''}; make room and start again"
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
