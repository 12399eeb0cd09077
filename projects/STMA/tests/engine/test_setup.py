"""The entry point: training, evaluation alone, signals, several processes, clear errors."""

from __future__ import annotations

import json
import re
import signal

import numpy as np
import pytest
import torch

from stma_d2.checkpoint import record_of
from stma_d2.config import load_config
from stma_d2.engine.folder import folder_lock
from stma_d2.engine.setup import make_current
from stma_d2.safe_yaml import parse_yaml

METRICS = "inference/synthetic_actions_val/metrics.json"
# Signals come in the middle of it.
ENDLESS = ("SOLVER.MAX_ITER", "100000", "SOLVER.CHECKPOINT_PERIOD", "100000", "DATASETS.TEST", "()")


def read_metrics(folder):
    return json.loads((folder / METRICS).read_text())["metrics"]


def read_settings(folder):
    return json.loads((folder / METRICS).read_text())["settings"]


def read_detections(folder):
    with np.load(folder / METRICS.replace("metrics.json", "detections.npz")) as arrays:
        return {name: arrays[name] for name in arrays}


def check_same_evaluation(folder, reference, exact=False):
    """The same metrics, and the same detections: an untrained network's metrics are mostly 0."""
    assert read_metrics(folder) == read_metrics(reference)
    ours, theirs = read_detections(folder), read_detections(reference)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        if array.dtype.kind == "f" and not exact:
            np.testing.assert_allclose(array, theirs[name], rtol=1e-4, atol=1e-3)
        else:
            np.testing.assert_array_equal(array, theirs[name])


def test_training_leaves_checkpoints_losses_by_name_and_metrics(trained):
    output, log = trained
    assert (output / "model_final.pth").is_file()
    assert list(output.glob("events.out.tfevents.*"))
    scalars = [json.loads(line) for line in (output / "metrics.json").read_text().splitlines()]
    losses = {"loss_center", "loss_movement", "loss_size", "loss_cls"}
    names = {*losses, *(f"unweighted/{name}" for name in losses), "total_loss", "lr"}
    assert names <= set().union(*scalars)
    # The configuration's weights: movement 0.2, classes 0.1.
    for weight, name in ((0.2, "loss_movement"), (0.1, "loss_cls")):
        (first, *_) = (line for line in scalars if name in line)
        assert first[f"unweighted/{name}"] == pytest.approx(first[name] / weight)
    assert 0 <= read_metrics(output)["video_mAP@0.5"] <= 100
    assert "Protocol moc" in log
    assert "classes with ground truth" in log
    assert "AP/frame_mAP@0.5/move_left" in read_metrics(output)


@pytest.mark.parametrize(("device", "chosen"), [("cuda:1", [1]), ("cuda", []), ("cpu", [])])
def test_a_gpu_that_is_named_by_its_number_is_the_current_one(monkeypatch, device, chosen):
    seen = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: seen.append(device.index))
    make_current(device)
    assert seen == chosen


def test_piped_logs_have_no_colors_and_leave_the_configuration_to_its_file(trained):
    output, log = trained
    for text in (log, (output / "log.txt").read_text()):
        assert "Environment info" in text and "loss_center" in text
        assert "\x1b" not in text
        assert "BRIGHTNESS" not in text and "HEAD_CHANNELS" not in text.replace(
            "MODEL.STMA.HEAD_CHANNELS",
            "",  # of the command line
        )
    assert "BRIGHTNESS" in (output / "config.yaml").read_text()


def test_the_saved_configuration_evaluates_what_was_trained(trained, train_net, tmp_path):
    output, _ = trained
    saved = (output / "config.yaml").read_bytes()
    config = load_config(str(output / "config.yaml"))
    assert config.MODEL.WEIGHTS == f"{output}/model_final.pth"
    # An evaluation leaves a training's configuration as it is.
    (tmp_path / "config.yaml").write_bytes(saved)
    others = ("TEST.PROTOCOL", "moc", "SEED", "5")
    run = train_net(tmp_path, "--eval-only", *others, config=output / "config.yaml")
    assert run.returncode == 0, run.output
    check_same_evaluation(tmp_path, output)
    assert (tmp_path / "config.yaml").read_bytes() == saved
    assert read_settings(tmp_path).pop("MODEL.WEIGHTS") == f"{output}/model_final.pth"
    run = train_net(tmp_path, "--eval-only", "TEST.FLIP", "True", config=output / "config.yaml")
    assert run.returncode == 0, run.output
    assert [read_settings(run)["TEST.FLIP"] for run in (output, tmp_path)] == [False, True]


def test_the_training_can_be_repeated_from_what_it_left(trained):
    output, _ = trained
    began, ended = (load_config(str(output / f"{n}.yaml")) for n in ("training", "config"))
    assert began.MODEL.WEIGHTS == ""
    ended.MODEL.WEIGHTS = ""
    assert began == ended
    checkpoint = torch.load(output / "model_final.pth")
    record = record_of(checkpoint)
    assert parse_yaml(record["config"], "it")["SOLVER"]["MAX_ITER"] == 4
    assert record["the labels"][0] == "move_left" and record["hardware"]


@pytest.mark.parametrize("processes", [1, 2])
def test_eval_only_prints_the_metrics_of_the_trainings_end(trained, train_net, tmp_path, processes):
    output, _ = trained
    weights = ("MODEL.WEIGHTS", str(output / "model_final.pth"))
    run = train_net(tmp_path, "--eval-only", *weights, processes=processes)
    assert run.returncode == 0, run.output
    check_same_evaluation(tmp_path, output)


def test_two_processes_save_the_network_that_they_evaluated(train_net, tmp_path):
    """With batch normalization, averaged weights and all that saves memory."""
    batch = ("SOLVER.IMS_PER_BATCH", "8", "SOLVER.ACCUMULATION_STEPS", "2")
    saving = ("SOLVER.AMP.ENABLED", "True", "MODEL.BACKBONE_3D.CHECKPOINT_ACTIVATIONS", "True")
    trained, evaluated = tmp_path / "trained", tmp_path / "evaluated"
    options = (*batch, *saving, "SOLVER.EMA.DECAY", "0.5")
    run = train_net(trained, "SOLVER.MAX_ITER", "3", *options, processes=2)
    assert run.returncode == 0, run.output
    assert torch.load(trained / "model_final.pth")["iteration"] == 2
    weights = ("MODEL.WEIGHTS", str(trained / "model_final.pth"))
    run = train_net(evaluated, "--eval-only", *weights, processes=2)
    assert run.returncode == 0, run.output
    check_same_evaluation(evaluated, trained, exact=True)


def test_own_data_by_one_file_trains_in_several_processes_and_workers(
    train_net, synthetic_root, tmp_path
):
    data = synthetic_root / "synthetic_actions"
    (tmp_path / "mine.yaml").write_text(
        f"annotations: {data / 'SyntheticActions-GT.pkl'}\nframes: {data / 'rgb-images'}\n"
    )
    own = ["DATASETS.FILES", f"('{tmp_path}/mine.yaml',)", "DATASETS.TRAIN", "('mine_train',)"]
    own += ["DATASETS.TEST", "('mine_test',)", "MODEL.STMA.NUM_CLASSES", "0"]
    workers = ("DATALOADER.NUM_WORKERS", "1", "SOLVER.MAX_ITER", "2")
    run = train_net(tmp_path / "out", *own, *workers, processes=2)
    assert run.returncode == 0, run.output
    assert (tmp_path / "out/inference/mine_test/metrics.json").is_file()
    assert load_config(str(tmp_path / "out/config.yaml")).MODEL.STMA.NUM_CLASSES == 10


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"]
)
def test_a_signal_ends_a_training_in_one_line_with_a_checkpoint(
    start_train_net, tmp_path, number, code
):
    run = start_train_net(tmp_path, *ENDLESS, "DATALOADER.NUM_WORKERS", "1")
    run.wait_for(lambda: len(run.losses()) >= 2)
    run.send(number)
    run.finish()
    (name,) = (path.name for path in tmp_path.glob("*.pth"))
    last = run.losses()[-1][0]
    assert run.returncode == code
    assert run.last_line == (
        f"stopped by {number.name} after iteration {last}; --resume goes on from {tmp_path}/{name}"
    )
    assert "Traceback" not in run.output
    assert torch.load(tmp_path / name)["iteration"] == last
    assert (tmp_path / "last_checkpoint").read_text() == name


@pytest.mark.parametrize(
    ("arguments", "started", "line"),
    [
        ((), "Environment info", "terminated"),
        (
            ("SOLVER.MAX_ITER", "1"),
            "Start inference",
            "terminated in the last evaluation; .*--resume",
        ),
        (("--eval-only",), "Start inference", "terminated"),
    ],
    ids=["before the first iteration", "last evaluation", "--eval-only"],
)
def test_a_signal_ends_everything_else_at_once_in_one_line(
    trained, start_train_net, tmp_path, arguments, started, line
):
    weights = ("MODEL.WEIGHTS", str(trained[0] / "model_final.pth"))
    run = start_train_net(tmp_path, *arguments, *weights)
    run.wait_for(lambda: run.log.exists() and started in run.output)
    run.send(signal.SIGTERM)
    run.finish()
    assert run.returncode == 143, run.output
    assert re.match(line, run.last_line)
    assert "Traceback" not in run.output


def test_a_signal_to_one_of_two_processes_ends_both_after_the_same_iteration(
    start_train_net, train_net, tmp_path
):
    run = start_train_net(tmp_path, *ENDLESS, processes=2)
    run.wait_for(lambda: len(run.losses()) >= 2)
    run.send(signal.SIGTERM, rank=1)
    run.finish()
    assert [process.exitcode for process in run.processes] == [143, 143]
    last = run.losses()[-1][0]
    assert run.output.count("stopped by SIGTERM") == 1
    resumed = train_net(
        tmp_path, *ENDLESS, "--resume", "SOLVER.MAX_ITER", str(last + 3), processes=2
    )
    assert resumed.returncode == 0, resumed.output
    assert [number for number, _ in resumed.losses()] == [last + 1, last + 2]


def test_other_numbers_of_processes_resume_with_a_warning(trained, train_net, tmp_path):
    (tmp_path / "model_final.pth").write_bytes((trained[0] / "model_final.pth").read_bytes())
    (tmp_path / "last_checkpoint").write_text("model_final.pth")
    more = ("SOLVER.MAX_ITER", "6", "DATASETS.TEST", "()")
    run = train_net(tmp_path, "--resume", *more, processes=2)
    assert run.returncode == 0, run.output
    assert "of 1 processes and goes on with 2" in run.output
    assert [number for number, _ in run.losses()] == [4, 5]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["MODEL.STMA.NUM_CLASSES", "7"], ["MODEL.STMA.NUM_CLASSES", "7", "10"]),
        (["--eval-only"], ["MODEL.WEIGHTS"]),
        (["--eval-only", "DATASETS.TEST", "()"], ["--eval-only", "DATASETS.TEST"]),
        (["MODEL.NO_SUCH_KEY", "1"], ["MODEL.NO_SUCH_KEY"]),
        (["SOLVER.MAX_ITER", "1", "DATASETS.TRAIN", "('no',)"], ["DATASETS.TRAIN", "'no'"]),
        (["OUTPUT_DIR", "/proc/none"], ["OUTPUT_DIR", "/proc/none", "cannot be written"]),
    ],
)
def test_bad_input_ends_in_one_clear_message(train_net, tmp_path, arguments, words):
    run = train_net(tmp_path, *arguments)
    assert run.returncode == 1, run.output
    message = run.last_line
    assert message.startswith("error: ")
    for word in words:
        assert word in message
    assert "Traceback" not in run.output


def test_a_second_training_in_a_folder_is_refused_before_it_touches_anything(train_net, tmp_path):
    with folder_lock(tmp_path):
        run = train_net(tmp_path)
    assert run.returncode == 1, run.output
    assert run.last_line.startswith(f"error: another training is going on in OUTPUT_DIR {tmp_path}")
    left = {path.name for path in tmp_path.iterdir()}
    assert "training.lock" in left and not left & {"log.txt", "config.yaml", "run_id"}


def test_a_training_that_diverges_ends_in_one_clear_message(trained, train_net, tmp_path):
    """It starts from weights whose losses are beyond all numbers."""
    weights = torch.load(trained[0] / "model_final.pth")["model"]
    for name in weights:
        if re.fullmatch(r"center_head.*\.weight", name):
            weights[name].fill_(1e38)
    torch.save({"model": weights}, tmp_path / "large.pth")
    run = train_net(tmp_path / "output", "MODEL.WEIGHTS", str(tmp_path / "large.pth"))
    assert run.returncode == 1, run.output
    assert re.match("error: training diverged: .*SOLVER.BASE_LR.*--resume", run.last_line)
    assert "Traceback" not in run.output
