"""SIGKILL at random moments: nothing is lost beyond the last checkpoint, and all ends are exact.

STMA_LONG_TESTS=1 in the environment kills 60 times instead of a few; the table at the end counts.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch

LONG = "STMA_LONG_TESTS" in os.environ
KILLS = 15 if LONG else 2  # of each kind
TRAINING = (
    *("SOLVER.MAX_ITER", "16", "SOLVER.CHECKPOINT_PERIOD", "7"),
    *("SOLVER.EMA.DECAY", "0.9", "TEST.EVAL_PERIOD", "5", "DATALOADER.NUM_WORKERS", "1"),
)
# A checkpoint an iteration, and larger ones, so that most of the time is their writing.
WRITING = (
    *("SOLVER.MAX_ITER", "10", "SOLVER.CHECKPOINT_PERIOD", "1"),
    *("DATASETS.TEST", "()", "MODEL.STMA.ACTION.FUSED_CHANNELS", "256"),
    *("MODEL.STMA.HEAD_CHANNELS", "128"),
)


def evaluations(folder):
    """What metrics.json says of evaluations: ``(iteration, {metric: value})`` in its order."""
    lines = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    found = [
        (line["iteration"], {k: v for k, v in line.items() if k.startswith("action_detection")})
        for line in lines
    ]
    return [(iteration, metrics) for iteration, metrics in found if metrics]


def next_iteration(folder):
    """The one after the last checkpoint."""
    pointer = folder / "last_checkpoint"
    if not pointer.exists():
        return 0
    return torch.load(folder / pointer.read_text())["iteration"] + 1


def kill_in_time(generator, span):
    """Kill after a random time of up to ``span`` seconds."""
    moment = time.monotonic() + generator.uniform(0, span)
    return lambda output: time.monotonic() > moment


def kill_in_writing(generator, span):
    """Kill while a file is written, which takes up to ``span`` seconds."""
    until = kill_in_time(generator, 1.0)
    seen = []

    def now(output):
        if not seen and until(output) and any(output.glob("*.partial-*")):
            seen.append(kill_in_time(generator, span))
        return bool(seen) and seen[0](output)

    return now


@pytest.fixture
def check_kills(start_train_net, train_net, assert_same_training, tmp_path, tell_row):
    """Trains with kills, as often as it takes, and compares with the undisturbed training.

    A kill falls within ``span`` seconds, by default those that the undisturbed training took.
    """

    def check(kind, training, choose_moment, seed, span=None):
        generator = random.Random(seed)
        start = time.monotonic()
        undisturbed = train_net(tmp_path / "undisturbed", *training)
        assert undisturbed.returncode == 0, undisturbed.output
        span = span or time.monotonic() - start
        losses = dict(undisturbed.losses())
        kills, lost, ends = 0, 0, 0
        while kills < KILLS:
            output, told, ended = tmp_path / str(ends), [], False
            while not ended:
                expected = next_iteration(output)
                run = start_train_net(output, "--resume", *training)
                is_time = choose_moment(generator, span)
                while run.processes[0].is_alive() and not (kills < KILLS and is_time(output)):
                    time.sleep(0.001)
                killed = run.processes[0].is_alive()
                if killed:
                    run.processes[0].kill()
                    kills += 1
                run.finish()
                ended = not killed
                if run.losses():
                    lost += expected - run.losses()[0][0]
                    told += run.losses()
                assert killed or run.returncode == 0, run.output
                assert "newest good checkpoint" not in run.output
            assert told == [(iteration, losses[iteration]) for iteration, _ in told]
            assert {iteration for iteration, _ in told} == set(losses)
            final = "model_final.pth"
            assert_same_training(output / final, tmp_path / "undisturbed" / final)
            if "DATASETS.TEST" not in training:
                assert evaluations(output) == evaluations(tmp_path / "undisturbed")
                best = "model_best.pth"
                assert_same_training(output / best, tmp_path / "undisturbed" / best)
            assert not list(output.glob("*.partial-*"))
            ends += 1
        tell_row(kind, kills, lost, ends, ends)
        assert lost == 0

    return check


def test_a_training_that_is_killed_ends_as_the_undisturbed_one(check_kills):
    check_kills("training and its evaluations", TRAINING, kill_in_time, seed=0)


def test_a_training_that_is_killed_while_it_saves_ends_as_the_undisturbed_one(check_kills):
    check_kills("writing of a checkpoint", WRITING, kill_in_writing, seed=1, span=0.03)


def contents(folder):
    """The files of a folder, by their checksums."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def is_running(pid):
    """Whether there is such a process that is not only left to be asked for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_killed_generator_leaves_no_process_behind(start_tool, tmp_path):
    command = ("make_synthetic_actions.py", "--num-train", 500, "--workers", 2, "--root", tmp_path)
    process = start_tool(*command)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until(lambda: len(children.read_text().split()) == 2)
    workers = [int(pid) for pid in children.read_text().split()]
    assert all(map(is_running, workers))
    process.kill()
    process.join()
    wait_until(lambda: not any(map(is_running, workers)))


def test_data_whose_preparation_is_killed_are_the_undisturbed_ones(
    start_tool, raw_videos, tmp_path, tell_row
):
    videos, annotations = raw_videos
    commands = {
        "generated": ("make_synthetic_actions.py", "--num-train", 4, "--num-val", 3, "--root"),
        "frames": (
            *("prepare_dataset.py", "frames", "--videos", videos),
            *("--annotations", annotations, "--output"),
        ),
    }
    generator = random.Random(2)
    kills, ends = 0, 0
    for name, command in commands.items():
        start = time.monotonic()
        undisturbed = start_tool(*command, tmp_path / name)
        undisturbed.join()
        assert undisturbed.exitcode == 0
        span, wanted = time.monotonic() - start, -(-KILLS // 2)
        while wanted:
            output = tmp_path / f"{name} {ends}"
            process = start_tool(*command, output)
            while process.is_alive() and wanted:
                process.join(generator.uniform(0, span))
                if process.is_alive():
                    process.kill()
                    process.join()
                    kills, wanted = kills + 1, wanted - 1
                    process = start_tool(*command, output)
            process.join()
            assert process.exitcode == 0
            assert contents(output) == contents(tmp_path / name)
            ends += 1
    tell_row("data preparation", kills, 0, ends, ends)


def test_an_evaluation_that_is_killed_leaves_whole_files_and_is_made_again(
    start_train_net, train_net, tmp_path, tell_row
):
    trained = train_net(tmp_path / "trained", "SOLVER.MAX_ITER", "2", "DATASETS.TEST", "()")
    assert trained.returncode == 0, trained.output
    arguments = ("--eval-only", "MODEL.WEIGHTS", str(tmp_path / "trained" / "model_final.pth"))
    start = time.monotonic()
    undisturbed = train_net(tmp_path / "undisturbed", *arguments)
    span = time.monotonic() - start
    assert undisturbed.returncode == 0, undisturbed.output
    folder = "inference/synthetic_actions_val"
    generator = random.Random(3)
    kills, ends = 0, 0
    while kills < KILLS:
        run = start_train_net(tmp_path / "killed", *arguments)
        run.processes[0].join(generator.uniform(0, span))
        kills += run.processes[0].is_alive()
        run.processes[0].kill()
        run.finish()
        for file in (tmp_path / "killed").glob(f"{folder}/*.json"):
            assert file.read_bytes() == (tmp_path / "undisturbed" / folder / file.name).read_bytes()
        for file in (tmp_path / "killed").glob(f"{folder}/*.npz"):
            with np.load(file) as ours, np.load(tmp_path / "undisturbed" / folder / file.name) as b:
                assert all(np.array_equal(ours[name], b[name]) for name in b.files)
    again = train_net(tmp_path / "killed", *arguments)
    assert again.returncode == 0, again.output
    for name in ("metrics.json", "detections.npz"):
        ours, theirs = (tmp_path / run / folder / name for run in ("killed", "undisturbed"))
        if name.endswith("json"):
            assert ours.read_bytes() == theirs.read_bytes()
            ends += 1
    tell_row("evaluation", kills, 0, ends, ends)
