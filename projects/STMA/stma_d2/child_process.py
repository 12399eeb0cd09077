"""Child processes that leave signals to the one that started them, and end with it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading

# A worker outlives a SIGTERM by so many seconds: a cluster sends it to every process, and what is
# being finished needs the worker's part.
_GRACE = 30


def outlive_signals() -> None:
    """Let this process leave the signals to its parent, which ends it; called at its start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends it, whatever was set before the fork
    signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(_GRACE))


def end_with_parent() -> None:
    """Let this process end at once when its parent is gone, killed perhaps, whatever it does."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
