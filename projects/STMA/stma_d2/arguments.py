"""Options of the commands: a number within bounds, a path; or one line that tells what is wrong."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from .config.rules import Rule


def argument(rule: Rule) -> Callable[[str], float]:
    """The ``type`` of an option of ``argparse`` whose number keeps to ``rule``."""

    def read(word: str) -> float:
        for kind in (int, float):
            try:
                value = kind(word)
            except ValueError:
                continue
            if rule.holds(value):
                return value
        raise argparse.ArgumentTypeError(f"it is {word!r}; it must be {rule.words}")

    return read


def given(word: str) -> str:
    """The ``type`` of an option whose word must not be empty."""
    if not word:
        raise argparse.ArgumentTypeError("it is empty")
    return word


def given_path(word: str) -> Path:
    """The ``type`` of an option that names a file or a folder; "" would be the current folder."""
    return Path(given(word))
