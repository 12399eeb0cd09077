"""The entry point: training, evaluation alone, resuming, several processes, clear errors."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import numpy as np
import pytest
import torch

METRICS = "inference/synthetic_actions_val/metrics.json"


def read_metrics(folder):
    return json.loads((folder / METRICS).read_text())["metrics"]


def read_detections(folder):
    with np.load(folder / METRICS.replace("metrics.json", "detections.npz")) as arrays:
        return {name: arrays[name] for name in arrays}


def check_same_evaluation(folder, reference):
    """The same metrics, and the same detections: an untrained network's metrics are mostly 0."""
    assert read_metrics(folder) == read_metrics(reference)
    ours, theirs = read_detections(folder), read_detections(reference)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(array, theirs[name], rtol=1e-4, atol=1e-3)
        else:
            np.testing.assert_array_equal(array, theirs[name])


def test_training_leaves_checkpoints_losses_by_name_and_metrics(trained):
    output, log = trained
    assert (output / "model_final.pth").is_file()
    assert list(output.glob("events.out.tfevents.*"))
    scalars = [json.loads(line) for line in (output / "metrics.json").read_text().splitlines()]
    names = {"loss_center", "loss_movement", "loss_size", "loss_cls", "total_loss", "lr"}
    assert names <= set().union(*scalars)
    assert 0 <= read_metrics(output)["video_mAP@0.5"] <= 100
    assert "Protocol moc" in log
    assert "classes with ground truth" in log
    assert "AP/frame_mAP@0.5/move_left" in read_metrics(output)


def test_eval_only_prints_the_metrics_of_the_trainings_end(trained, train_net, tmp_path):
    output, _ = trained
    process = train_net(tmp_path, "--eval-only", "MODEL.WEIGHTS", str(output / "model_final.pth"))
    assert process.returncode == 0, process.stdout
    check_same_evaluation(tmp_path, output)


def test_two_processes_report_the_metrics_of_one(trained, train_net, tmp_path):
    output, _ = trained
    weights = ("MODEL.WEIGHTS", str(output / "model_final.pth"))
    process = train_net(tmp_path, "--eval-only", *weights, processes=2)
    assert process.returncode == 0, process.stdout
    check_same_evaluation(tmp_path, output)


def test_two_processes_train_together_with_all_that_saves_memory(train_net, tmp_path):
    batch = ("SOLVER.IMS_PER_BATCH", "8", "SOLVER.ACCUMULATION_STEPS", "2")
    saving = ("SOLVER.AMP.ENABLED", "True", "MODEL.BACKBONE_3D.CHECKPOINT_ACTIVATIONS", "True")
    process = train_net(tmp_path, "SOLVER.MAX_ITER", "2", *batch, *saving, processes=2)
    assert process.returncode == 0, process.stdout
    assert torch.load(tmp_path / "model_final.pth")["iteration"] == 1


def test_a_killed_training_goes_on_from_its_last_checkpoint(train_command, train_net, tmp_path):
    command = train_command(tmp_path, "SOLVER.MAX_ITER", "100000")
    with subprocess.Popen(**command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        deadline = time.monotonic() + 120
        while not (tmp_path / "last_checkpoint").is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        run.send_signal(signal.SIGKILL)
    last = tmp_path / (tmp_path / "last_checkpoint").read_text()
    done = torch.load(last)["iteration"]
    process = train_net(tmp_path, "--resume", "SOLVER.MAX_ITER", str(done + 3))
    assert process.returncode == 0, process.stdout
    assert f"Starting training from iteration {done + 1}" in process.stdout
    assert torch.load(tmp_path / "model_final.pth")["iteration"] == done + 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["MODEL.STMA.NUM_CLASSES", "7"], ["MODEL.STMA.NUM_CLASSES", "7", "10"]),
        (["INPUT.SNIPPET_LENGTH", "4"], ["INPUT.SNIPPET_LENGTH", "odd"]),
        (["SOLVER.BASE_LR", "1e30"], ["training diverged", "SOLVER.BASE_LR", "--resume"]),
        (["--eval-only"], ["MODEL.WEIGHTS"]),
        (["--eval-only", "MODEL.WEIGHTS", "no.pth"], ["no.pth", "MODEL.WEIGHTS"]),
        (["MODEL.NO_SUCH_KEY", "1"], ["MODEL.NO_SUCH_KEY"]),
    ],
)
def test_bad_input_ends_in_one_clear_message(train_net, tmp_path, arguments, words):
    process = train_net(tmp_path, *arguments)
    assert process.returncode == 1, process.stdout
    message = process.stdout.strip().splitlines()[-1]
    assert message.startswith("error: ")
    for word in words:
        assert word in message
    assert "Traceback" not in process.stdout


def test_a_checkpoint_of_another_shape_is_refused(trained, train_net, tmp_path):
    weights = ("MODEL.WEIGHTS", str(trained[0] / "model_final.pth"))
    process = train_net(tmp_path, "--eval-only", *weights, "MODEL.STMA.HEAD_CHANNELS", "16")
    message = process.stdout.strip().splitlines()[-1]
    assert process.returncode == 1
    assert "does not fit" in message
    assert "center_head" in message
    assert "Traceback" not in process.stdout
