"""The guide's commands run as written, on generated data, with a network of milliseconds."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from stma_d2.data import open_frames
from stma_d2.data.json_annotations import from_json
from stma_d2.visualization import write_video

PROJECT = Path(__file__).resolve().parents[1]
SECTION = "## Your first model in 20 minutes"
# What makes it quick; commands with a configuration take it.
TINY = [
    *("MODEL.DEVICE", "cpu", "INPUT.SIZE", "(64, 64)", "INPUT.CLIP_LENGTH", "8"),
    *("MODEL.BACKBONE.STEM_CHANNELS", "8", "MODEL.STMA.HEAD_CHANNELS", "8"),
    *("MODEL.STMA.ACTION.CHANNELS", "8", "MODEL.STMA.ACTION.FUSED_CHANNELS", "16"),
    *("SOLVER.MAX_ITER", "2", "SOLVER.IMS_PER_BATCH", "4", "TEST.LINKING.MIN_TUBELET_SCORE", "0.0"),
]
# Runs the commands one after the other in one process, as a shell would in several.
SCRIPT = """
import json, runpy, sys
for words in json.load(open("commands.json")):
    print("$", *words, flush=True)
    sys.argv = words
    sys.path.insert(0, words[0].rpartition("/")[0])
    runpy.run_path(words[0], run_name="__main__")
"""


def blocks(kind: str) -> list[str]:
    """The section's blocks of that kind."""
    text = (PROJECT / "GETTING_STARTED.md").read_text()
    section = text[text.index(SECTION) + len(SECTION) :].split("\n## ")[0]
    found = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [content for name, content in found if name == kind]


@pytest.fixture
def own_data(tmp_path):
    """What the guide expects in the folder: clips with a moving square, annotations, mine.yaml."""
    (example,) = blocks("json")
    from_json(example.encode())
    content = json.loads(example)
    (tmp_path / "videos").mkdir()
    for position, (name, video) in enumerate(content["videos"].items()):
        boxes = [[4 + t, 10 + position, 28 + t, 34 + position] for t in range(20)]
        frames = np.full((24, video["height"], video["width"], 3), 60, np.uint8)
        if name != "empty":
            label = content["labels"][position % 2]
            video["tubes"] = [{"label": label, "first_frame": 3, "boxes": boxes}]
            for frame, (x1, y1, x2, y2) in zip(frames[2:], boxes, strict=False):
                cv2.rectangle(frame, (x1, y1), (x2, y2), (0, 0, 255), -1)
        write_video(tmp_path / "videos" / f"{name}.mp4", frames, fps=10)
    (tmp_path / "mine.json").write_text(json.dumps(content))
    (tmp_path / "mine.yaml").write_text(blocks("yaml")[0])
    return tmp_path


def test_the_commands_run_as_written(own_data):
    commands = [line for block in blocks("") for line in block.splitlines()]
    assert len(commands) == 6 and all(command.startswith("python ") for command in commands)
    words = [shlex.split(command)[1:] for command in commands]
    for command in words:
        command[0] = str(PROJECT / command[0])
        if "configs/Own/STMA_small_K5.yaml" in command:
            command += TINY
    words[-1] += ["TEST.LINKING.MIN_TUBELET_SCORE", "0.0"]
    (own_data / "commands.json").write_text(json.dumps(words))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=own_data, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is wrong." in done.stdout
    assert len(list((own_data / "pictures").glob("*.png"))) == 4
    run = own_data / "output/Own/STMA_small_K5"
    metrics = json.loads((run / "inference/mine_test/metrics.json").read_text())
    means = {key: value for key, value in metrics["metrics"].items() if "AP/" not in key}
    # The training's end, --eval-only and the saved detections give one number.
    rows = re.findall(r"^mean +(.*)$", done.stdout + done.stderr, re.MULTILINE)
    assert len(rows) == 3 and len(set(rows)) == 1
    assert [float(x) for x in rows[0].split()[:5]] == [round(v, 2) for v in means.values()]
    assert open_frames(str(own_data / "tubes.mp4")).count() == 24
