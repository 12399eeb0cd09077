"""The command that runs others."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from stma_d2.data import load_annotations
from stma_d2.data.datasets import generate_synthetic_actions
from stma_d2.errors import clear_exit
from stma_d2.evaluation import METRICS

# Takes a while to end in order, as a training that writes its checkpoint does.
COMMAND = """
import signal, sys, time
from pathlib import Path
def stop(number, frame):
    time.sleep(0.5)
    Path("saved").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
Path("begun").touch()
time.sleep(60)
"""


@pytest.fixture
def run(tool, monkeypatch, tmp_path):
    """Runs a command in a folder of its own."""
    module = tool("quick_demo")
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    return module.run


def test_a_command_that_fails_ends_all_with_its_status(run):
    with pytest.raises(SystemExit) as ended:
        run("-c", "raise SystemExit(3)")
    assert ended.value.code == 3


def test_a_signal_ends_the_command_in_order(run, tmp_path):
    (tmp_path / "command.py").write_text(COMMAND)

    def send():
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    helper = threading.Thread(target=send)
    helper.start()
    with pytest.raises(SystemExit) as ended, clear_exit():
        run("command.py")
    helper.join()
    assert ended.value.code == 143 and (tmp_path / "saved").exists()


def test_the_drawn_actions_are_those_of_the_annotations(tool, tmp_path):
    folder = generate_synthetic_actions(tmp_path, num_train=1, num_val=1, seed=3, image_size=64)
    annotations = load_annotations(folder / "SyntheticActions-GT.pkl")
    tubes = annotations.videos["val_0001"].tubes
    told = tool("quick_demo").drawn(folder)
    assert told.count(" in frames ") == len(tubes) > 0 and told.endswith("; all else idles")
    for tube in tubes:
        label = annotations.labels[tube.label]
        assert f"{label} in frames {tube.frames[0]} to {tube.frames[-1]}" in told


def test_the_training_is_compared_with_the_shipped_network(tool, tmp_path):
    """The shipped one's figures are those of MODEL_ZOO.md."""
    module = tool("quick_demo")
    folder = tmp_path / "inference" / "synthetic_actions_val"
    folder.mkdir(parents=True)
    metrics = {name: 10.0 + number for number, name in enumerate(METRICS)}
    (folder / "metrics.json").write_text(json.dumps({"metrics": metrics}))
    header, _, shipped, own = module.compare(tmp_path).splitlines()
    assert header.split() == ["synthetic_actions_val,", "moc", *METRICS]
    assert own.split() == ["trained", "here", "10.0", "11.0", "12.0", "13.0", "14.0"]
    page = (Path(module.__file__).parents[1] / "MODEL_ZOO.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith(f"| `{module.NAME}`"))
    assert shipped.split()[1:] == [f"{float(cell):.1f}" for cell in row.split("|")[3:8]]
