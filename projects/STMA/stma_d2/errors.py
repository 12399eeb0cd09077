"""The one exception for input that cannot be used."""

from __future__ import annotations


class InputError(ValueError):
    """What the user gave cannot be used: a file, an annotation, a configuration, a checkpoint.

    The message says which (file, video, key) and what to do; entry points print it alone,
    without a stack trace.
    """

    def __str__(self) -> str:
        """The message; without the stack trace that a loader's worker process wraps around it."""
        message = super().__str__()
        if "Original Traceback" in message:
            return message.rpartition("InputError: ")[2].strip()
        return message
