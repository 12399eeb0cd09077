"""The study from the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stma_d2.errors import InputError
from stma_d2.study.training import Ended

TINY = [
    *("MODEL.BACKBONE.STEM_CHANNELS", "8", "MODEL.STMA.HEAD_CHANNELS", "8"),
    *("INPUT.SIZE", "(64, 64)", "SOLVER.IMS_PER_BATCH", "2", "DATALOADER.NUM_WORKERS", "0"),
]


@pytest.fixture(scope="module")
def tool_module(tool):
    return tool("run_ablation")


@pytest.fixture
def run(tool_module, synthetic_videos, tmp_path):
    """Calls the command on the small data set."""
    data = f"('{synthetic_videos}',)"
    names = ["DATASETS.TRAIN", data, "DATASETS.TEST", data]
    paths = ["--output", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]

    def call(*arguments):
        options = ["--config-file", "Synthetic/STMA_tiny_K5.yaml", "--iterations", "2"]
        tool_module.main([*options, *paths, *arguments, *names, *TINY])

    return call


@pytest.fixture
def trained(tool_module, make_run, monkeypatch):
    """What was given to be trained; nothing is: every run's outcome is what ``outcome`` says."""
    runs, outcome = [], {}

    def train(missing, script, devices, jobs, deadline, told):
        runs.append([(run.row.name, run.seed) for run in missing])
        for run in missing:
            run.prepare()
            told(Ended(run, 1.0, *outcome.get((run.row.name, run.seed), ("", False))))
        return []

    def read_run(run, jobs):
        cfg = run.cfg
        return make_run(
            run.row.name,
            run.seed,
            {"grow": 10 * run.seed},
            jobs=jobs,
            iterations=cfg.SOLVER.MAX_ITER,
            batch=cfg.SOLVER.IMS_PER_BATCH,
            learning_rate=cfg.SOLVER.BASE_LR,
            datasets=list(cfg.DATASETS.TRAIN),
            annotations=dict(run.data),
            recipe=run.recipe(),
        )

    monkeypatch.setattr(tool_module, "train", train)
    monkeypatch.setattr(tool_module, "read_run", read_run)
    return runs, outcome


def rows_of(tmp_path):
    study = json.loads((tmp_path / "results" / "ablations.json").read_text())
    return [(one["row"], one["seed"]) for one in study["runs"]]


def test_a_row_is_trained_evaluated_and_told(synthetic_root, tmp_path):
    """The figures are those that the training itself left."""
    script = Path(__file__).resolve().parents[2] / "tools" / "run_ablation.py"
    arguments = [
        *("--config-file", "Synthetic/STMA_tiny_K5.yaml", "--rows", "K1", "--seeds", "5"),
        *("--iterations", "2", "--output", str(tmp_path / "runs")),
        *("--results", str(tmp_path / "results"), *TINY),
    ]
    environment = {**os.environ, "DETECTRON2_DATASETS": str(synthetic_root)}
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "K1, seed 5 is finished after" in done.stdout
    folder = tmp_path / "runs" / "K1" / "seed-5"
    left = json.loads((folder / "inference/synthetic_actions_val/metrics.json").read_text())
    (one,) = json.loads((tmp_path / "results" / "ablations.json").read_text())["runs"]
    assert one["evaluation"]["metrics"] == left["metrics"] and one["iterations"] == 2
    assert one["switches"] == {"INPUT.SNIPPET_LENGTH": 1} and one["seed"] == 5
    text = f"| `K1` | 5 | {left['metrics']['frame_mAP@0.5']:.2f} |"
    assert text in (tmp_path / "results" / "ablations.md").read_text()


def test_rows_of_tables_for_some_seeds_and_only_what_is_missing(run, trained, tmp_path):
    run("--tables", "4", "--seeds", "1")
    run("--rows", "K3,base,full", "--seeds", "1,2")
    assert trained[0] == [
        [(name, 1) for name in ("full", "K1", "K3", "K7")],
        [("base", 1), ("full", 2), ("base", 2), ("K3", 2)],
    ]
    assert rows_of(tmp_path) == [
        *(("full", 1), ("full", 2), ("base", 1), ("base", 2)),
        *(("K1", 1), ("K3", 1), ("K3", 2), ("K7", 1)),
    ]


def test_runs_of_another_machine_are_taken_from_the_file(run, trained, tmp_path):
    run("--rows", "K1,base", "--seeds", "1")
    before = json.loads((tmp_path / "results" / "ablations.json").read_text())
    shutil.rmtree(tmp_path / "runs")
    run("--rows", "K1,K3", "--seeds", "1")
    assert trained[0] == [[("base", 1), ("K1", 1)], [("K3", 1)]]
    assert rows_of(tmp_path) == [("base", 1), ("K1", 1), ("K3", 1)]
    after = json.loads((tmp_path / "results" / "ablations.json").read_text())
    assert after["runs"][:2] == before["runs"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"iterations": 3}, r"K1, seed 1 has iterations 3 and not 2"),
        ({"batch": 9}, r"K1, seed 1 has batch 9 and not 2"),
        ({"switches": {}}, r"K1, seed 1 has switches {} and not {'INPUT.SNIPPET_LENGTH': 1}"),
        ({"annotations": {"a": "b"}}, r"K1, seed 1 is of another "),
        ({"recipe": {"A": 1}}, r"K1, seed 1 has recipe {'A': 1} and not {}"),
    ],
)
def test_a_file_of_another_study_is_refused_and_stays(run, trained, tmp_path, changed, words):
    run("--rows", "K1", "--seeds", "1")
    file = tmp_path / "results" / "ablations.json"
    study = json.loads(file.read_text())
    study["runs"][0] |= changed
    file.write_text(json.dumps(study))
    before = file.read_bytes()
    with pytest.raises(InputError, match=f"ablations.json is of another study .{words}") as raised:
        run("--rows", "K3", "--seeds", "1")
    assert "name other --results" in str(raised.value)
    assert file.read_bytes() == before and len(trained[0]) == 1


def test_a_file_of_another_configuration_is_refused(run, trained, tmp_path):
    run("--rows", "K1", "--seeds", "1")
    file = tmp_path / "results" / "ablations.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"config": "other.yaml"}))
    with pytest.raises(InputError, match=r"it has config other\.yaml and not Synthetic/STMA_tiny"):
        run("--rows", "K1", "--seeds", "1")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "HEAD_NORM: BN",
            "HEAD_NORM: GN",
            r"its full model has MODEL\.STMA\.HEAD_NORM GN and not BN",
        ),
        (
            "REG: 0.2",
            "REG: 0.7",
            r"its full model has MODEL\.STMA\.LOSS_WEIGHT\.REG 0\.7 and not 0\.2",
        ),
        ("VERSION:", "- :", r"is no study: its full_config is damaged"),
    ],
)
def test_a_file_whose_full_model_is_another_is_refused(run, trained, tmp_path, old, new, message):
    run("--rows", "K1", "--seeds", "1")
    file = tmp_path / "results" / "ablations.json"
    study = json.loads(file.read_text())
    assert old in study["full_config"]
    study["full_config"] = study["full_config"].replace(old, new)
    file.write_text(json.dumps(study))
    with pytest.raises(InputError, match=message):
        run("--rows", "K1", "--seeds", "1")


def test_the_same_settings_in_other_words_are_the_same_study(run, trained, tmp_path):
    run("--rows", "K1", "--seeds", "1", "TEST.PROTOCOL", "moc", "SOLVER.BASE_LR", "0.004")
    run("--rows", "K1", "--seeds", "1", "SOLVER.BASE_LR", "0.004", "DATALOADER.TIMEOUT", "500")
    assert trained[0] == [[("K1", 1)], []]


def test_studies_that_run_at_once_keep_each_others_runs(
    run, trained, tool_module, tmp_path, monkeypatch
):
    """Another process with other runs finishes while this one trains."""
    train = tool_module.train

    def meanwhile(*arguments):
        monkeypatch.setattr(tool_module, "train", train)
        run("--rows", "K3", "--seeds", "1")
        return train(*arguments)

    monkeypatch.setattr(tool_module, "train", meanwhile)
    run("--rows", "K1", "--seeds", "1")
    assert rows_of(tmp_path) == [("K1", 1), ("K3", 1)]


@pytest.mark.parametrize("option", ["--output", "--results"])
def test_an_empty_folder_name_is_refused(tool_module, capsys, option):
    with pytest.raises(SystemExit):
        tool_module.main([option, ""])
    assert f"argument {option}: it is empty" in capsys.readouterr().err


def test_failed_runs_end_the_command_after_the_others(run, trained, tmp_path, capsys):
    trained[1]["full", 1] = ("status 1: error: no", False)
    trained[1]["base", 1] = ("status 143: stopped", True)
    with pytest.raises(InputError, match=r"^full, seed 1 failed after 1 s: status 1: error: no \("):
        run("--rows", "full,base,K1", "--seeds", "1")
    assert rows_of(tmp_path) == [("K1", 1)]
    assert "K1" in (tmp_path / "results" / "ablations.md").read_text()
    assert "base, seed 1 is stopped after 1 s; the same command goes on" in capsys.readouterr().out


def test_a_run_that_left_no_result_is_told(run, trained, tool_module, monkeypatch):
    def read_run(run, jobs):
        raise FileNotFoundError(2, "No such file", "metrics.json")

    monkeypatch.setattr(tool_module, "read_run", read_run)
    with pytest.raises(InputError, match=r"K1, seed 1 left no result in .*metrics\.json"):
        run("--rows", "K1", "--seeds", "1")


def test_report_only_trains_nothing_and_gives_the_same_bytes(run, trained, tmp_path):
    run("--rows", "K1", "--seeds", "1")
    files = {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()}
    for name in files.keys() - {"ablations.json"}:
        (tmp_path / "results" / name).unlink()
    run("--report-only")
    assert {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()} == files
    assert len(trained[0]) == 1


def test_a_seed_that_is_named_twice_is_trained_once(run, trained):
    run("--rows", "K1", "--seeds", "1,01,+1")
    assert trained[0] == [[("K1", 1)]]


@pytest.mark.parametrize(
    "words", [("--rows", "K9"), ("--tables", "1"), ("--seeds", "1,-1"), ("--time-limit", "x")]
)
def test_options_that_mean_nothing_are_refused_at_once(run, trained, words, capsys):
    with pytest.raises(SystemExit):
        run(*words)
    assert words[0] in capsys.readouterr().err.splitlines()[-1] and not trained[0]
