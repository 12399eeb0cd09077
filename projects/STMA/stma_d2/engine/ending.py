"""Ending other processes that do our work, in order."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

# Seconds that a training has, when it is told to end, for its iteration and its checkpoint.
GRACE = 60.0


def end_processes(processes: Sequence[subprocess.Popen], grace: float = GRACE) -> None:
    """Tell processes to end by SIGTERM, and kill those that have not ended in time.

    Args:
        processes: of which some may have ended.
        grace: seconds for all of them together.
    """
    for process in processes:
        process.terminate()
    latest = time.monotonic() + grace
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(latest - time.monotonic(), 0))
        process.kill()
        process.wait()
