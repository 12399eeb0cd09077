"""What a process of a test runs: damages many files, reads each, and counts what comes of it.

    run_mutations.py FOLDER KIND=COUNT ...

Prints a line of JSON a kind. A file is read in a process that is watched: it may neither end, nor
take long, nor run or write anything. Damaged files that were neither read as another content nor
refused in a message stay in FOLDER, and so do those that took much memory or time.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import re
import resource
import sys
import time
import traceback
from pathlib import Path

import torch
from damaged_kinds import Kind, make_kind

from stma_d2.errors import clear_exit

LIMIT = 120.0  # seconds; a busy machine is slow
MEMORY = 2**33  # bytes of addresses beyond those at the start: no more is given
REMARKABLE = 2**17, 5.0  # KiB and seconds
COUNTED = (
    *("accepted", "refused", "stack traces", "damage not noticed", "executions"),
    *("writes outside", "crashes", "hangs"),
)
_RUNS = re.compile(r"os\.(system|exec|fork|forkpty|posix_spawn|spawn)|subprocess\.|pty\.|socket\.")
_CHANGES = re.compile(r"os\.(remove|rename|mkdir|rmdir|link|symlink|truncate|chmod|chown|utime)")


class Counts:
    """Counters that the reading process and the one that watches it share."""

    def __init__(self) -> None:
        self._numbers = multiprocessing.RawArray("q", len(COUNTED))
        self.position = multiprocessing.RawValue("q", 0)
        self.started = multiprocessing.RawValue("d", 0.0)
        self.most_memory = multiprocessing.RawValue("q", 0)  # KiB above what the process had
        self.longest = multiprocessing.RawValue("d", 0.0)  # seconds of the processor

    def add(self, name: str) -> None:
        """Count one."""
        self._numbers[COUNTED.index(name)] += 1

    def record(self) -> dict[str, float]:
        """All of them by name."""
        return {
            **dict(zip(COUNTED, self._numbers, strict=True)),
            "MB": self.most_memory.value / 1024,
            "seconds": self.longest.value,
        }


class Watch:
    """Notes what the process runs, and what it writes outside of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.seen: list[tuple[str, str]] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple) -> None:
        if _RUNS.match(event):
            self.seen.append(("executions", event))
        elif event == "open" and _is_writing(arguments) or _CHANGES.match(event):
            path = os.path.abspath(os.fsdecode(arguments[0])) if arguments[0] else ""
            if isinstance(arguments[0], str | bytes) and not path.startswith(self._folder):
                self.seen.append(("writes outside", f"{event} {path}"))


def _is_writing(arguments: tuple) -> bool:
    _, mode, flags = arguments
    by_mode = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    return by_mode or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def memory_of_process(name: str) -> int:
    """A line of ``/proc/self/status`` in KiB: VmRSS is now, VmHWM the most since it was reset."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", status)[1])


def read_all(name: str, kind: Kind, count: int, folder: Path, counts: Counts) -> None:
    """Damage and read from ``counts.position`` on; runs in a process of its own."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    used = memory_of_process("VmSize") * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reset = os.open("/proc/self/clear_refs", os.O_WRONLY)
    os.chdir(folder)
    watch = Watch(folder)
    while counts.position.value < count:
        position = counts.position.value
        rng = random.Random(f"{name} {position}")
        good = rng.choice(kind.goods)
        content, must_be_noticed = good.damaged(rng)
        path = folder / f"{position}{good.ending}"
        path.write_bytes(content)
        counts.started.value = time.monotonic()
        os.pwrite(reset, b"5", 0)
        before, start = memory_of_process("VmRSS"), time.process_time()
        outcome, message = read(kind, path, must_be_noticed)
        told = "" if outcome == "refused" else message
        took = time.process_time() - start
        more = memory_of_process("VmHWM") - before
        counts.longest.value = max(counts.longest.value, took)
        counts.most_memory.value = max(counts.most_memory.value, more)
        if more > REMARKABLE[0] or took > REMARKABLE[1]:
            told = f"{told}\n{more} KiB, {took} s"
        counts.add(outcome)
        for what, event in watch.seen:
            counts.add(what)
            told = f"{told}\n{event}"
        if told or watch.seen:
            path.with_suffix(".told").write_text(told)
        else:
            path.unlink()
        watch.seen.clear()
        counts.position.value += 1
    counts.started.value = 0.0


def read(kind: Kind, path: Path, must_be_noticed: bool) -> tuple[str, str]:
    """What came of it, and the message, if there was one."""
    try:
        with clear_exit():
            kind.read(path, must_be_noticed)
    except SystemExit as end:
        refused = str(end.code).startswith("error: ")
        return "refused" if refused else "stack traces", str(end.code)
    except AssertionError:
        return "damage not noticed", "read as another content"
    except BaseException:
        return "stack traces", traceback.format_exc()
    return "accepted", ""


def main(name: str, count: int, folder: Path) -> dict[str, float]:
    """Damage and read so many files."""
    logging.disable()
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    kind, counts = make_kind(name, folder), Counts()
    for number, good in enumerate(kind.goods):  # what is loaded or compiled at first, and is right
        path = folder / f"good-{number}{good.ending}"
        path.write_bytes(good.content)
        outcome, told = read(kind, path, good.sealed)
        if outcome != ("refused" if good.harmful else "accepted"):
            sys.exit(f"{name}: {path}, not damaged yet, is {outcome}: {told}")
    context = multiprocessing.get_context("fork")
    while counts.position.value < count:
        counts.started.value = time.monotonic()
        process = context.Process(target=read_all, args=(name, kind, count, folder, counts))
        process.start()
        while process.is_alive():
            process.join(0.5)
            hangs = counts.started.value and time.monotonic() - counts.started.value > LIMIT
            if process.is_alive() and hangs:
                process.kill()
                process.join()
                counts.add("hangs")
                counts.position.value += 1
                break
        else:
            if process.exitcode:
                counts.add("crashes")
                counts.position.value += 1
    if list(folder.rglob("MARKER")):
        counts.add("executions")
    return {"kind": name, "inputs": count, **counts.record()}


if __name__ == "__main__":
    for word in sys.argv[2:]:
        name, _, count = word.partition("=")
        print(json.dumps(main(name, int(count), Path(sys.argv[1], name).absolute())), flush=True)
