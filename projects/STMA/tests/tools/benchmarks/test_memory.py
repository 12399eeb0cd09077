"""Peak memory, against what the system says otherwise."""

from __future__ import annotations

import resource
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[3] / "tools"


def test_peak_memory_lies_between_what_is_held_and_what_getrusage_says(monkeypatch):
    """`getrusage` says the same or, for a process that a larger one started, more."""
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmarks.memory import peak_memory

    pages = int(Path("/proc/self/statm").read_text().split()[1])
    held = pages * resource.getpagesize() / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    assert 0.9 * held <= peak_memory() <= 1.1 * most
