#!/usr/bin/env python
"""Train or evaluate STMA; takes Detectron2's own arguments, and runs under torchrun too."""

import os
import signal
from types import FrameType


def end_at_once(number: int, frame: FrameType | None) -> None:
    """End in one line; an exception in the middle of an import would become any other."""
    if os.environ.get("RANK", "0") == "0":
        os.write(2, b"interrupted\n" if number == signal.SIGINT else b"terminated\n")
    os._exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, end_at_once)
    signal.signal(signal.SIGTERM, end_at_once)

    from stma_d2.engine import command_line

    command_line()
