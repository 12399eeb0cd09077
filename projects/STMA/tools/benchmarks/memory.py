"""How much memory a process has had."""

from __future__ import annotations

from pathlib import Path

from stma_d2.errors import InputError


def peak_memory() -> float:
    """The greatest resident memory of this process so far, in MB.

    ``getrusage`` would count in what the parent held when it started this process.

    Raises:
        InputError: where the system does not tell.
    """
    try:
        status = Path("/proc/self/status").read_text().splitlines()
    except FileNotFoundError as error:
        raise InputError("peak memory is read from /proc, which only Linux has") from error
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
