"""Runs side by side, with a script of milliseconds in train_net.py's place."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from stma_d2.engine.ending import end_processes
from stma_d2.errors import Stopped, clear_exit
from stma_d2.study import training

# Locks its folder as a training does. Notes its start and its end; waits for a file of the name
# "go" where it is told to.
SCRIPT = """
import fcntl, json, os, signal, sys, time
folder, what, device = sys.argv[1], sys.argv[2], sys.argv[-1]
def note(word):
    with open(os.path.join(os.path.dirname(folder), "notes"), "a") as file:
        file.write(json.dumps([os.path.basename(folder), word, device]) + "\\n")
def stop(number, frame):
    note("saved")
    sys.exit("stopped by SIGTERM")
signal.signal(signal.SIGTERM, stop)
lock = open(os.path.join(folder, "training.lock"), "ab")
fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
note("begun")
if what == "fail":
    sys.exit("a warning\\nerror: training diverged")
while what == "wait" and not os.path.exists(os.path.join(os.path.dirname(folder), "go")):
    time.sleep(0.01)
if what == "threads":
    note(os.environ["OMP_NUM_THREADS"])
note("done")
"""


class Study:
    """A folder with the script, and what became of its runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ended = folder, []
        self.script = folder / "script.py"
        self.script.write_text(SCRIPT)

    def run(self, name: str, what: str = "") -> SimpleNamespace:
        """What `train` needs of a run; other processes can take it."""
        folder = self.folder / name
        prepare = partial(os.makedirs, folder, exist_ok=True)
        return SimpleNamespace(folder=folder, words=(str(folder), what), prepare=prepare)

    def train(self, runs, devices=("cpu",), jobs=1):
        deadline = time.monotonic() + 60
        return training.train(runs, self.script, devices, jobs, deadline, self.ended.append)

    def notes(self):
        file = self.folder / "notes"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def wait_for(self, *note):
        deadline = time.monotonic() + 30
        while list(note) not in [one[:2] for one in self.notes()]:
            assert time.monotonic() < deadline, self.notes()
            time.sleep(0.01)


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def test_one_after_another_in_their_order(study):
    runs = [study.run(name) for name in ("c", "a", "b")]
    assert study.train(runs) == []
    assert [note[:2] for note in study.notes()] == [
        [name, word] for name in "cab" for word in ("begun", "done")
    ]
    assert [(e.run, e.problem, e.stopped) for e in study.ended] == [(r, "", False) for r in runs]


def test_side_by_side_on_the_devices_in_turn(study):
    """Both wait until both have begun; a third begins on the device that becomes free."""
    runs = [study.run("a", "wait"), study.run("b", "wait"), study.run("c")]

    def go():
        study.wait_for("a", "begun")
        study.wait_for("b", "begun")
        assert ["c", "begun", "cuda:0"] not in study.notes()
        (study.folder / "go").touch()

    helper = threading.Thread(target=go)
    helper.start()
    study.train(runs, devices=("cuda:0", "cuda:1"), jobs=2)
    helper.join()
    devices = {name: device for name, word, device in study.notes() if word == "done"}
    assert (devices["a"], devices["b"]) == ("cuda:0", "cuda:1")
    assert len(study.ended) == 3 and not any(ended.problem for ended in study.ended)


def test_processors_are_divided_among_the_jobs(study, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(7)))
    monkeypatch.delenv("OMP_NUM_THREADS")
    study.train([study.run("a", "threads")], jobs=2)
    assert ["a", "3", "cpu"] in study.notes()


def test_a_failing_run_is_told_in_one_line_and_ends_no_other(study):
    study.train([study.run("a", "fail"), study.run("b")])
    failed, finished = study.ended
    assert failed.problem == "status 1: error: training diverged" and not failed.stopped
    assert finished.problem == ""


@pytest.fixture
def late(study, monkeypatch):
    """``late(note)``: the deadline of 60 seconds comes as soon as there is that note."""

    def come_with(*note):
        def now():
            return time.monotonic() + (60 if list(note) in [n[:2] for n in study.notes()] else 0)

        monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=now, sleep=time.sleep))

    return come_with


def test_at_the_deadline_what_goes_on_is_told_to_end_and_nothing_starts(study, late):
    late("a", "begun")
    waiting = study.run("b")
    left = study.train([study.run("a", "wait"), waiting])
    assert left == [waiting] and not waiting.folder.exists()
    (ended,) = study.ended
    assert ended.stopped and ended.problem.endswith("stopped by SIGTERM")
    assert ["a", "saved", "cpu"] in study.notes()


def test_what_does_not_end_when_told_to_is_killed(study, late, monkeypatch):
    study.script.write_text(SCRIPT.replace("sys.exit(", "print("))
    monkeypatch.setattr(training, "end_processes", partial(end_processes, grace=0.2))
    late("a", "begun")
    study.train([study.run("a", "wait")])
    assert study.ended[0].stopped and study.ended[0].problem == "ended by SIGKILL"


def test_a_signal_ends_the_runs_too(study):
    def send():
        study.wait_for("a", "begun")
        os.kill(os.getpid(), signal.SIGTERM)

    helper = threading.Thread(target=send)
    helper.start()
    with pytest.raises(SystemExit) as end, clear_exit():
        study.train([study.run("a", "wait")])
    helper.join()
    assert end.value.code == 143 and isinstance(end.value.__context__, Stopped)
    assert ["a", "saved", "cpu"] in study.notes() and study.ended[0].stopped


def test_a_run_whose_process_outlived_an_earlier_call_is_left_to_it(study, forkserver):
    """The earlier call is killed; the process that it started has the lock until it ends."""
    run = study.run("a", "wait")
    arguments = ([run], study.script, ("cpu",), 1, time.monotonic() + 60, print)
    earlier = forkserver.Process(target=training.train, args=arguments)
    earlier.start()
    study.wait_for("a", "begun")
    earlier.kill()
    earlier.join()
    study.train([run])
    assert [ended.problem for ended in study.ended] == ["another process trains it"]
    (study.folder / "go").touch()
    study.wait_for("a", "done")
    deadline = time.monotonic() + 30
    while study.ended[-1].problem and time.monotonic() < deadline:  # until the process is gone
        study.train([run])
    assert study.ended[-1].problem == ""
