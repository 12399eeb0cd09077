"""The exception for input that cannot be used, and how entry points end with its message."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """What the user gave cannot be used: a file, an annotation, a configuration, a checkpoint.

    The message says which (file, video, key) and what to do; entry points print it alone,
    without a stack trace.
    """


@contextmanager
def clear_exit() -> Iterator[None]:
    """End the process with one line and status 1 where input cannot be used.

    Covers `InputError` and files that are missing or in the way; also when a data loader's worker
    raised them, whose stack trace torch puts in front of the message.
    """
    try:
        yield
    except (InputError, FileNotFoundError, FileExistsError) as error:
        message = str(error)
        if "Original Traceback" in message:
            message = message.rpartition(f"{type(error).__name__}: ")[2].strip()
        sys.exit(f"error: {message}")
