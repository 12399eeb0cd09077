"""A training on videos of which some are damaged, with DATALOADER.SKIP_BAD_CLIPS."""

from __future__ import annotations

import json
import re

import pytest
import torch

TRAINING = (
    *("DATASETS.TRAIN", "('mine_train',)", "DATASETS.TEST", "()", "MODEL.STMA.NUM_CLASSES", "10"),
    *("SOLVER.MAX_ITER", "12", "SOLVER.CHECKPOINT_PERIOD", "4", "DATALOADER.NUM_WORKERS", "1"),
)
SKIP = "DATALOADER.SKIP_BAD_CLIPS"
DAMAGED = ("train_0001", "train_0003")  # of four


@pytest.fixture
def data_file(raw_videos, tmp_path):
    """A data set whose one training video is cut off, and another one damaged in the middle."""
    videos, annotations = raw_videos
    for name, damage in zip(DAMAGED, (cut_off, overwrite), strict=True):
        (path,) = videos.rglob(f"{name}.avi")
        path.write_bytes(damage(path.read_bytes()))
    path = tmp_path / "mine.yaml"
    path.write_text(f"annotations: {annotations}\nvideos: {videos}\n")
    return str(path)


def cut_off(content):
    return content[: len(content) // 2]


def overwrite(content):
    middle = len(content) // 2
    return content[:middle] + bytes(len(content) // 4) + content[middle + len(content) // 4 :]


def test_clips_are_skipped_counted_and_told_and_a_resumed_training_is_the_same(
    train_net, killed_train_net, assert_same_training, data_file, tmp_path
):
    training = (*TRAINING, "DATASETS.FILES", f"('{data_file}',)", SKIP, "0.5")
    undisturbed = train_net(tmp_path / "undisturbed", *training)
    assert undisturbed.returncode == 0, undisturbed.output
    told = re.findall(r"clips of video '(\w+)' are skipped: (.*)", undisturbed.output)
    assert sorted(video for video, _ in told) == list(DAMAGED)  # each once
    assert all(f"{video}.avi" in reason and "frame" in reason for video, reason in told)
    final = tmp_path / "undisturbed" / "model_final.pth"
    counts = torch.load(final)["trainer"]["hooks"]["CountSkipped"]
    assert counts["videos"].keys() == set(DAMAGED) and counts["clips"] >= 2
    log = [json.loads(x) for x in (tmp_path / "undisturbed/metrics.json").read_text().splitlines()]
    assert log[-1]["skipped_clips"] == counts["clips"]

    output = tmp_path / "killed"
    killed = killed_train_net(output, "--resume", *training, after=7)
    resumed = train_net(output, "--resume", *training)
    assert resumed.returncode == 0, resumed.output
    assert resumed.losses()[0][0] > 0
    losses = dict(undisturbed.losses())
    assert len(losses) == 12
    for iteration, loss in killed.losses() + resumed.losses():
        assert loss == losses[iteration]
    assert_same_training(output / "model_final.pth", final)


def test_too_many_bad_videos_end_the_training_in_one_line(train_net, data_file, tmp_path):
    training = (*TRAINING, "DATASETS.FILES", f"('{data_file}',)", SKIP, "0.25")
    run = train_net(tmp_path / "out", *training)
    assert run.returncode == 1 and "Traceback" not in run.output
    assert re.match(
        r"error: 2 of 4 training videos have clips that cannot be read, and "
        r"DATALOADER\.SKIP_BAD_CLIPS 0\.25 allows 1; the last: .*train_000[13]\.avi.*frame",
        run.last_line,
    )
