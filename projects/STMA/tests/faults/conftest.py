"""Faults on purpose: commands to be killed, videos to be damaged, a disk to be filled."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

from stma_d2.data import load_annotations, open_frames

TOOLS = Path(__file__).resolve().parents[2] / "tools"
SCRIPT = str(Path(__file__).with_name("run_tool.py"))


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
