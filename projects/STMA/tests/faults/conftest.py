"""Faults on purpose; what came of them is printed as tables after the tests."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from tabulate import tabulate

from stma_d2.data import load_annotations, open_frames

TOOLS = Path(__file__).resolve().parents[2] / "tools"
SCRIPT = str(Path(__file__).with_name("run_tool.py"))
HEADERS = {
    "kills": ("killed in", "kills", "lost beyond the last checkpoint", "ends", "of them exact"),
    "damaged files": (
        *("kind", "inputs", "accepted", "refused", "stack traces", "damage not noticed"),
        *("executions", "writes outside", "crashes", "hangs", "most MB", "longest, s"),
    ),
    "configurations": (
        *("keys", "tried", "of them without meaning", "refused in a line with the key"),
        *("ran to the end", "without the key", "several lines", "stack traces", "hangs"),
        *("taken without meaning", "ended in no numbers", "not done"),
    ),
    "growth": (
        *("kind", "length", "of", "quantity", "after the warm-up", "at the end", "most"),
        *("slope an hour", "standard error"),
    ),
}
ROWS: dict[str, list[tuple]] = {name: [] for name in HEADERS}


@pytest.fixture
def tell_row() -> Callable[..., None]:
    """Adds a row to the table of kills."""
    return lambda *row: ROWS["kills"].append(row)


@pytest.fixture
def tell_damage() -> Callable[..., None]:
    """Adds a row to the table of damaged files."""
    return lambda *row: ROWS["damaged files"].append(row)


@pytest.fixture
def tell_configurations() -> Callable[..., None]:
    """Adds a row to the table of configurations."""
    return lambda *row: ROWS["configurations"].append(row)


@pytest.fixture
def tell_growth() -> Callable[..., None]:
    """Adds a row to the table of growth."""
    return lambda *row: ROWS["growth"].append(row)


def pytest_terminal_summary(terminalreporter):
    """Print the tables."""
    for name, rows in ROWS.items():
        if rows:
            terminalreporter.section(name)
            terminalreporter.write_line(tabulate(rows, headers=HEADERS[name], tablefmt="github"))


@pytest.fixture(scope="session")
def start_tool(forkserver, tmp_path_factory) -> Callable[..., multiprocessing.Process]:
    """Starts a command of ``tools/``."""

    def start(name: str, *arguments: object) -> multiprocessing.Process:
        settings = {
            "script": str(TOOLS / name),
            "arguments": [str(argument) for argument in arguments],
            "log": str(tmp_path_factory.mktemp("tool") / "log.txt"),
        }
        arguments = (SCRIPT, {"SETTINGS": settings}, "__main__")
        process = forkserver.Process(target=runpy.run_path, args=arguments)
        process.start()
        return process

    return start


@pytest.fixture
def raw_videos(synthetic_root: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The small synthetic videos as files, and their annotations."""
    source = synthetic_root / "synthetic_actions"
    annotations = source / "SyntheticActions-GT.pkl"
    for name in load_annotations(annotations).videos:
        frames = list(open_frames(str(source / "rgb-images" / name)))
        path = tmp_path / "raw" / f"{name}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = frames[0].shape[1::-1]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
        for frame in frames:
            writer.write(frame)
        writer.release()
    return tmp_path / "raw", annotations


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 64 MB: a tmpfs, which only root may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if os.geteuid() != 0:
        pytest.skip("only root may mount a tmpfs")
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
