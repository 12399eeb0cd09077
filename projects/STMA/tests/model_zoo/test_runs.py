"""What is kept of a finished training, against the training's own files."""

from __future__ import annotations

import json
import shutil

import pytest

from stma_d2.errors import InputError
from stma_d2.evaluation import METRICS, get_protocol
from stma_d2.model_zoo.runs import describe_run, read_runs, write_runs

CONFIG = "Synthetic/STMA_tiny_K5.yaml"


@pytest.fixture(scope="module")
def folder(train_net, tmp_path_factory):
    """OUTPUT_DIR of a training of two iterations, with another weight of the boxes."""
    folder = tmp_path_factory.mktemp("run")
    words = ("SOLVER.MAX_ITER", "2", "MODEL.STMA.LOSS_WEIGHT.REG", "0.3", "SEED", "5")
    assert train_net(folder, *words).returncode == 0
    return folder


def test_a_run_tells_what_it_changed_and_what_came_out(folder):
    run = describe_run(folder, CONFIG)
    assert json.loads(json.dumps(run)) == run
    assert run["changes"]["MODEL.STMA.LOSS_WEIGHT.REG"] == 0.3
    assert not {"SEED", "SOLVER.MAX_ITER", "OUTPUT_DIR", "MODEL.DEVICE"} & run["changes"].keys()
    assert (run["seed"], run["iterations"]) == (5, 2)
    (evaluation,) = run["evaluations"]
    left = json.loads((folder / "inference/synthetic_actions_val/metrics.json").read_text())
    assert evaluation == {**left, "error_analysis": left["error_analysis"]["mean"]}


def test_steps_that_were_told_in_epochs_are_no_change(train_net, folder, tmp_path):
    own = tmp_path / "run"
    words = ("SOLVER.EPOCHS", "3", "SOLVER.STEP_EPOCHS", "(1, 2)", "SOLVER.MAX_ITER", "0")
    words += ("SOLVER.LR_SCHEDULER_NAME", "WarmupMultiStepLR", "SOLVER.WARMUP_ITERS", "0")
    assert train_net(own, *words).returncode == 0
    assert describe_run(own, str(own / "training.yaml"))["changes"] == {}
    changes = describe_run(own, CONFIG)["changes"]
    assert changes["SOLVER.STEP_EPOCHS"] == [1, 2] and "SOLVER.STEPS" not in changes


def multisports(run):
    """The run as it would be after an evaluation by another protocol, with its metrics."""
    (evaluation,) = run["evaluations"]
    metrics = dict.fromkeys(get_protocol("multisports").metrics, 50.0)
    return {**run, "evaluations": [{**evaluation, "protocol": "multisports", "metrics": metrics}]}


def test_each_protocol_has_metrics_of_its_own(folder, tmp_path):
    run = multisports(describe_run(folder, CONFIG))
    write_runs(tmp_path / "a.json", CONFIG, [run])
    assert read_runs(tmp_path / "a.json")["runs"] == [run]
    del run["evaluations"][0]["metrics"]["video_mAP@0.50:0.95"]
    with pytest.raises(InputError, match=r"b\.json: an evaluation of run 1: its metrics lacks"):
        write_runs(tmp_path / "b.json", CONFIG, [run])
    assert not (tmp_path / "b.json").exists()


def test_what_is_written_is_read_again(folder, tmp_path):
    run = describe_run(folder, CONFIG)
    runs = [run, {**run, "seed": 6}, *([{**run, "seed": None}] * 2)]  # None: two that were drawn
    write_runs(tmp_path / "a.json", CONFIG, runs)
    assert read_runs(tmp_path / "a.json") == {"config": CONFIG, "runs": runs}


def test_a_training_counts_once(folder, tmp_path):
    run = describe_run(folder, CONFIG)
    with pytest.raises(InputError, match=r"a\.json: two runs of the same training have the seed 5"):
        write_runs(tmp_path / "a.json", CONFIG, [run, run])
    content = json.dumps({"config": CONFIG, "runs": [run, run]})
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.json is no file of runs: two runs of the same"):
        read_runs(tmp_path / "a.json")


def test_an_evaluation_of_other_weights_is_refused(folder, tmp_path):
    """As `--eval-only` of model_best.pth leaves it in the training's folder."""
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    file = copy / "inference/synthetic_actions_val/metrics.json"
    record = json.loads(file.read_text())
    for name, fits in (("model_final.pth", True), ("model_best.pth", False), ("no.pth", False)):
        (copy / "model_best.pth").write_bytes(b"")
        record["settings"]["MODEL.WEIGHTS"] = str(copy / name)
        file.write_text(json.dumps(record))
        if fits:
            assert describe_run(copy, CONFIG)["seed"] == 5
        else:
            with pytest.raises(InputError, match=rf"{file} is an evaluation of .*{name} and not"):
                describe_run(copy, CONFIG)


def test_an_unfinished_training_and_one_without_evaluation_are_named(folder, tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path} is no folder of a finished training"):
        describe_run(tmp_path, CONFIG)
    (tmp_path / "model_final.pth").symlink_to(folder / "model_final.pth")
    with pytest.raises(InputError, match=f"{tmp_path} holds no evaluation"):
        describe_run(tmp_path, CONFIG)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"error_analysis": 1}'])
def test_a_damaged_evaluation_is_named(folder, tmp_path, content):
    (tmp_path / "model_final.pth").symlink_to(folder / "model_final.pth")
    file = tmp_path / "inference/some/metrics.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(InputError, match=f"{file}"):
        describe_run(tmp_path, CONFIG)


def test_no_file_is_written_for_a_configuration_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match=r"no configuration file .*other\.yaml"):
        write_runs(tmp_path / "a.json", "Synthetic/other.yaml", [])
    assert not any(tmp_path.iterdir())


def without(name):
    return lambda run: run.pop(name)


@pytest.mark.parametrize(
    "damage",
    [
        *map(without, ("changes", "seed", "commit", "evaluations")),
        lambda run: run.update(evaluations=3),
        lambda run: run.update(commit=5),
        lambda run: run.update(seed=-1),
        lambda run: run["evaluations"][0].pop("protocol"),
        lambda run: run["evaluations"][0]["metrics"].pop(METRICS[0]),
        lambda run: run["evaluations"][0]["metrics"].update({METRICS[0]: 101}),
        lambda run: run["evaluations"][0]["metrics"].update({METRICS[0]: "90"}),
    ],
)
def test_a_damaged_file_is_named(folder, tmp_path, damage):
    run = describe_run(folder, CONFIG)
    damage(run)
    (tmp_path / "a.json").write_text(json.dumps({"config": CONFIG, "runs": [run]}))
    with pytest.raises(InputError, match=r"a\.json is no file of runs: "):
        read_runs(tmp_path / "a.json")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": 1, "runs": []}'])
def test_a_file_of_something_else_is_named(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.json is no file of runs"):
        read_runs(tmp_path / "a.json")
