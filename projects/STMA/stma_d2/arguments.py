"""Options of the commands: a number within bounds, or one line that tells them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

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
