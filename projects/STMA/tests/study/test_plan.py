"""Which runs a study has, in which order, and how a folder knows its run."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import pytest

from stma_d2.data.datasets.synthetic_actions import generate_synthetic_actions
from stma_d2.data.datasets.synthetic_levels import LEVELS
from stma_d2.errors import InputError
from stma_d2.study.plan import Settings, check_devices, plan, started
from stma_d2.study.rows import ROWS

CONFIG = "Synthetic/STMA_tiny_K5.yaml"


@pytest.fixture
def data(synthetic_videos):
    """Overrides for the small data set, whose training videos serve as both parts."""
    return [
        "DATASETS.TRAIN",
        f"('{synthetic_videos}',)",
        "DATASETS.TEST",
        f"('{synthetic_videos}',)",
    ]


@pytest.fixture
def make_plan(data, tmp_path):
    def make(rows=("full",), seeds=(1,), iterations=7, overrides=()):
        settings = Settings(CONFIG, iterations, [*data, *overrides])
        return plan(settings, rows, seeds, tmp_path / "runs")

    return make


def test_seed_by_seed_and_the_most_important_rows_first(make_plan):
    runs = make_plan(rows=["K3", "base", "full"], seeds=[4, 2])
    names = [(run.row.name, run.seed) for run in runs]
    assert names == [(name, seed) for seed in (4, 2) for name in ("full", "base", "K3")]
    assert len({run.folder for run in runs}) == 6


def test_configuration_of_a_run(make_plan):
    """The row's switches and its recipe, on the study's configuration, iterations and overrides."""
    overrides = ["SOLVER.BASE_LR", "0.004", "INPUT.SNIPPET_LENGTH", "5"]
    base, k3 = make_plan(rows=["base", "K3"], seeds=[9], overrides=overrides)
    assert (base.cfg.SEED, base.cfg.SOLVER.MAX_ITER, base.cfg.OUTPUT_DIR) == (
        9,
        7,
        str(base.folder),
    )
    assert base.cfg.MODEL.STMA.HEAD_CHANNELS == 64 and base.cfg.SOLVER.BASE_LR == 0.004
    assert not base.cfg.MODEL.STMA.CENTER.CLASS_AGNOSTIC and not base.cfg.MODEL.BACKBONE_3D.NAME
    assert (
        base.cfg.MODEL.STMA.LOSS_WEIGHT.SIZE == ROWS["base"].recipe["MODEL.STMA.LOSS_WEIGHT.SIZE"]
    )
    assert k3.cfg.INPUT.SNIPPET_LENGTH == 3
    assert k3.words[:3] == ("--config-file", CONFIG, "--resume")


def test_an_override_goes_before_a_recipe(make_plan):
    (base,) = make_plan(rows=["base"], overrides=["MODEL.STMA.LOSS_WEIGHT.SIZE", "0.3"])
    assert base.cfg.MODEL.STMA.LOSS_WEIGHT.SIZE == 0.3


def test_a_finished_run_is_taken_from_its_folder(make_plan, make_run, data, tmp_path):
    (run,) = make_plan()
    assert run.result() is None and not run.folder.exists()
    run.prepare()
    assert run.result() is None
    result = make_run(
        "full",
        1,
        {"grow": 5},
        iterations=7,
        batch=8,
        learning_rate=run.cfg.SOLVER.BASE_LR,
        datasets=list(run.cfg.DATASETS.TRAIN),
        annotations=dict(run.data),
    )
    run.finish(result)
    run.prepare()
    (again,) = make_plan()
    assert again.result() == result
    # A copy under another name is none of the study's, nor a number that no seed has.
    shutil.copytree(run.folder, run.folder.with_name("seed-x"))
    shutil.copytree(run.folder, run.folder.with_name("seed-01"))
    shutil.copytree(run.folder, run.folder.with_name("seed-99999999999999"))
    (found,) = started(Settings(CONFIG, 7, data), tmp_path / "runs")
    assert (found.row.name, found.seed, found.folder) == ("full", 1, run.folder)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"row": "base"}, "has row base and not full"),
        ({"seed": 2}, "has seed 2 and not 1"),
        ({"iterations": 24000}, "has iterations 24000 and not 7"),
        ({"annotations": {}}, "is of another "),
    ],
)
def test_a_result_of_another_run_is_refused(make_plan, make_run, changed, words):
    (run,) = make_plan()
    result = make_run("full", 1, {"grow": 5}, iterations=7, batch=8, annotations=dict(run.data))
    result |= {"learning_rate": run.cfg.SOLVER.BASE_LR, "datasets": list(run.cfg.DATASETS.TRAIN)}
    run.prepare()
    run.finish({**result, **changed})
    with pytest.raises(InputError, match=rf"run\.json is damaged: its result {words}.*; remove"):
        run.result()


def test_a_recipe_is_told_as_it_is_in_effect(make_plan):
    key = "MODEL.STMA.LOSS_WEIGHT.SIZE"
    assert make_plan(rows=["base"])[0].recipe() == {key: 0.1, "SOLVER.BASE_LR": 0.01}
    assert make_plan(rows=["base"], overrides=[key, "0.3"])[0].recipe()[key] == 0.3


def test_a_folder_of_a_run_with_other_settings_is_refused(make_plan):
    make_plan()[0].prepare()
    (other,) = make_plan(iterations=8)
    with pytest.raises(InputError, match=r"full/seed-1 holds a run of .*MAX_ITER was 7 and is 8"):
        other.result()
    # Where it is trained, and how often it saves, may change.
    (same,) = make_plan(overrides=["SOLVER.CHECKPOINT_PERIOD", "3"])
    assert same.result() is None


def test_a_folder_of_other_data_is_refused(tmp_path, empty_catalogs):
    from stma_d2.data import register_tube_dataset

    generate_synthetic_actions(str(tmp_path), num_train=1, num_val=1, image_size=64)
    folder = tmp_path / "synthetic_actions"
    truth = folder / "SyntheticActions-GT.pkl"
    register_tube_dataset("once", str(truth), str(folder / "rgb-images"))
    overrides = ["DATASETS.TRAIN", "('once',)", "DATASETS.TEST", "('once',)"]
    settings = Settings(CONFIG, 7, overrides)
    plan(settings, ["full"], [1], tmp_path / "runs")[0].prepare()
    truth.write_bytes(truth.read_bytes() + b"\0")
    with pytest.raises(InputError, match=r"\(another once\)"):
        plan(settings, ["full"], [1], tmp_path / "runs")[0].result()


def test_generated_videos_of_other_factors_are_other_data(tmp_path, empty_catalogs):
    """Posts in front of the actors change every frame and no annotation."""
    from stma_d2.data.datasets.synthetic_actions import register_synthetic_actions

    register_synthetic_actions(str(tmp_path))
    truth = tmp_path / "synthetic_actions_middle/SyntheticActions-GT.pkl"
    config, found = "Synthetic/STMA_tiny_K5_middle.yaml", []
    for occluders in (1, 6):
        factors = replace(LEVELS["middle"].factors, occluders=occluders)
        generate_synthetic_actions(
            tmp_path, level="middle", factors=factors, num_train=1, num_val=1, overwrite=True
        )
        found.append(truth.read_bytes())
        (run,) = plan(Settings(config, 7), ["full"], [1], tmp_path / "runs")
        if occluders == 1:
            run.prepare()
    assert found[0] == found[1]
    with pytest.raises(InputError, match=r"another synthetic_actions_middle_train, its parameters"):
        run.result()
    record = json.loads((run.folder / "run.json").read_text())
    record["data"] = {k: v for k, v in record["data"].items() if not k.endswith("parameters")}
    (run.folder / "run.json").write_text(json.dumps(record))
    assert run.result() is None  # of a version that did not look


def test_a_folder_that_is_no_runs_and_a_damaged_one_are_refused(make_plan):
    (run,) = make_plan()
    run.folder.mkdir(parents=True)
    (run.folder / "photo.jpg").touch()
    with pytest.raises(InputError, match="something else than a run"):
        run.result()
    damaged = [
        {"config": config, "data": run.data, "result": None}
        for config in ("", 5, "5", "a: b", run.cfg.dump().replace("SEED", "SEEDS"))
    ] + [{"config": run.cfg.dump(), "data": run.data, "result": result} for result in (5, {}, [])]
    for content in ("{", "[]", "[" * 200000, *map(json.dumps, damaged)):
        (run.folder / "run.json").write_text(content)
        with pytest.raises(InputError, match=r"run\.json is damaged") as error:
            run.result()
        assert "\n" not in str(error.value)
    os.mkfifo(run.folder / "console.txt")
    with pytest.raises(InputError, match=r"console\.txt is a pipe"):
        run.result()


def test_what_the_study_sets_itself_is_no_override(make_plan):
    with pytest.raises(InputError, match="the study sets SEED; use its option --seeds"):
        make_plan(overrides=["SEED", "4"])


def test_an_override_without_its_value_is_named(make_plan):
    with pytest.raises(InputError, match="^the override SOLVER.BASE_LR has no value; .*KEY VALUE$"):
        make_plan(overrides=["SOLVER.BASE_LR"])


def test_data_sets_are_checked_before_the_first_run(make_plan):
    with pytest.raises(InputError, match="DATASETS names 'none_val', and no data set"):
        make_plan(overrides=["DATASETS.TEST", "('none_val',)"])
    with pytest.raises(InputError, match="the study has one test set"):
        make_plan(overrides=["DATASETS.TEST", "()"])


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    check_devices(["cpu"])
    with pytest.raises(InputError, match="--devices names cuda:0, and no GPU is visible"):
        check_devices(["cpu", "cuda:0"])
