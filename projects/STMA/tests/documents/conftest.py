"""The documents' blocks of code, and what comes of running them in a small copy of the project."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest

from stma_d2.visualization import write_video

REPOSITORY = Path(__file__).resolve().parents[4]
PROJECT = REPOSITORY / "projects" / "STMA"
SERVER = Path(__file__).with_name("serve_python.py")
# In the order in which they are run: later ones use what earlier ones made.
FIRST = ("GETTING_STARTED.md", "docs/OWN_DATA.md", "README.md", "EVALUATION.md", "docs/TRAINING.md")
# Their files are made by other tests, which run each command.
RUN_ELSEWHERE = {
    "projects/STMA/docs/ANNOTATIONS.md": "tests/test_convert_annotations.py",
    "projects/STMA/docs/DEPLOY.md": "tests/inference/test_demo.py, test_export_model.py",
}
# Reads a program's arguments, sends them to the server and ends as the server says.
PYTHON = f"""#!{sys.executable} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.environ["DOCUMENTS_SERVER"])
    request = {{"words": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
    socket.send_fds(server, [json.dumps(request).encode()], [1, 2])
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(16) or b"1"))
"""
FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<kind>\S*)\n(?P<content>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code in a document.

    Attributes:
        document: path in the repository.
        line: of its first line.
        kind: the language, such as "bash".
        content: the code.
        reason: why it is not run; "" where it is.
    """

    document: str
    line: int
    kind: str
    content: str
    reason: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def is_code(self) -> bool:
        return self.kind in ("bash", "python")

    @property
    def is_run(self) -> bool:
        return self.is_code and not self.reason and self.document not in RUN_ELSEWHERE


def documents() -> list[Path]:
    """Every document, in the order in which their commands are run."""
    folders = (REPOSITORY, PROJECT, PROJECT / "docs", PROJECT / "configs" / "ablations")
    found = [path for folder in folders for path in sorted(folder.glob("*.md"))]
    first = [PROJECT / name for name in FIRST]
    return [*first, *(path for path in found if path not in first)]


def blocks() -> list[Block]:
    """Every block of every document."""
    found = []
    for path in documents():
        text = path.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start("content")) + 1
            place = str(path.relative_to(REPOSITORY)), line
            found.append(Block(*place, match["kind"], match["content"], match["reason"] or ""))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``block`` is run for every block, one that takes ``document`` likewise."""
    if "block" in metafunc.fixturenames:
        metafunc.parametrize("block", blocks(), ids=str)
    if "document" in metafunc.fixturenames:
        ids = [str(path.relative_to(REPOSITORY)) for path in documents()]
        metafunc.parametrize("document", documents(), ids=ids)


@pytest.fixture(scope="session")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader of the documents has: the project, clips, annotations, a data set file."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("train_net.py", "demo.py", "tools", "configs", "stma_d2"):
        (folder / name).symlink_to(PROJECT / name)
    guide = [block for block in blocks() if block.document.endswith("OWN_DATA.md")]
    (annotations,) = (json.loads(block.content) for block in guide if block.kind == "json")
    (data_set,) = (block.content for block in guide if block.kind == "yaml")
    (folder / "videos").mkdir()
    for position, (name, video) in enumerate(annotations["videos"].items()):
        boxes = [[4 + t, 10 + position, 28 + t, 34 + position] for t in range(20)]
        frames = np.full((24, video["height"], video["width"], 3), 60, np.uint8)
        if name != "empty":
            label = annotations["labels"][position % 2]
            video["tubes"] = [{"label": label, "first_frame": 3, "boxes": boxes}]
            for frame, (x1, y1, x2, y2) in zip(frames[2:], boxes, strict=False):
                cv2.rectangle(frame, (x1, y1), (x2, y2), (0, 0, 255), -1)
        write_video(folder / "videos" / f"{name}.mp4", frames, fps=10)
    (folder / "video.mp4").symlink_to("videos/clip_1.mp4")
    (folder / "mine.json").write_text(json.dumps(annotations))
    (folder / "mine.yaml").write_text(data_set)
    return folder


@pytest.fixture(scope="session")
def outcomes(
    project_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[Block, tuple[int, str]]:
    """Exit status and output of each bash and Python block that is run, in ``project_folder``.

    ``python`` in it is a server that has the package loaded, so that a command starts at once.
    """
    programs = tmp_path_factory.mktemp("bin")
    (programs / "python").write_text(PYTHON)
    (programs / "python").chmod(0o755)
    with TemporaryDirectory() as folder:  # a socket's path must be short
        environment = {
            **os.environ,
            **{"PATH": f"{programs}:{os.environ['PATH']}", "DOCUMENTS_SERVER": f"{folder}/socket"},
            **{"OMP_NUM_THREADS": "1", "STMA_DEBUG": "1"},
            "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")]),
        }
        environment.pop("DETECTRON2_DATASETS", None)
        command = [sys.executable, str(SERVER), f"{folder}/socket"]
        with subprocess.Popen(command, env=environment) as server:
            try:
                while not os.path.exists(f"{folder}/socket"):
                    assert server.poll() is None
                    time.sleep(0.05)
                return {
                    block: run_block(block, project_folder, environment)
                    for block in blocks()
                    if block.is_run
                }
            finally:
                server.terminate()


@pytest.fixture(scope="session")
def zoo_costs() -> Callable[[str], list[str]]:
    """Parameters, and GMACs of a window alone and in a video, as the zoo's table has them."""
    page = (PROJECT / "MODEL_ZOO.md").read_text()
    table = page[page.index("## Size and cost") :]

    def costs(config: str) -> list[str]:
        (row,) = re.findall(rf"^\| `{re.escape(config)}` \|(.*)\|$", table, re.MULTILINE)
        return [cell.strip() for cell in row.split("|")][1:]

    return costs


def run_block(block: Block, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Exit status and output of a block."""
    command = block.content
    if block.kind == "python":
        (folder / "block.py").write_text(block.content)
        command = "python block.py"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout
