"""A disk that fills up, really."""

from __future__ import annotations

import os

TRAINING = ("SOLVER.MAX_ITER", "8", "SOLVER.CHECKPOINT_PERIOD", "3", "TEST.EVAL_PERIOD", "2")


def test_a_training_on_a_full_disk_ends_in_one_line_and_goes_on_with_room(
    train_net, assert_same_training, small_disk, tmp_path
):
    """The disk has room for one checkpoint and a half; the second one does not fit."""
    undisturbed = train_net(tmp_path / "undisturbed", *TRAINING)
    assert undisturbed.returncode == 0, undisturbed.output
    size = (tmp_path / "undisturbed" / "model_final.pth").stat().st_size
    disk = os.statvfs(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(disk.f_bavail * disk.f_frsize - size * 3 // 2))

    output = small_disk / "output"
    run = train_net(output, *TRAINING)
    assert run.returncode == 1
    assert run.last_line.startswith("error: ")
    assert str(output) in run.last_line and "--resume" in run.last_line
    assert "Traceback" not in run.output
    kept = output / (output / "last_checkpoint").read_text()
    assert_same_training(kept, kept)  # it can be read
    assert not list(output.glob("*.partial-*"))

    filler.unlink()
    run = train_net(output, "--resume", *TRAINING)
    assert run.returncode == 0, run.output
    for name in ("model_final.pth", "model_best.pth"):
        assert_same_training(output / name, tmp_path / "undisturbed" / name)
