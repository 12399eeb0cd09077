"""What is taken from a run's folder, and how a study's file is put together."""

from __future__ import annotations

import json

from detectron2.data import MetadataCatalog

from stma_d2.config import load_config
from stma_d2.study.plan import Run, Settings
from stma_d2.study.results import collect, read_run
from stma_d2.study.rows import ROWS

CONFIG = "Synthetic/STMA_tiny_K5.yaml"
CPU = ("MODEL.DEVICE", "cpu")


def test_a_run_is_read_from_what_the_training_left(train_net, tmp_path):
    """Against the files themselves."""
    row = ROWS["base"]
    words = [str(w) for pair in (row.recipe | row.switches()).items() for w in pair]
    assert train_net(tmp_path, *words, "SOLVER.MAX_ITER", "2").returncode == 0
    cfg = load_config(str(tmp_path / "training.yaml"))
    run = Run(row, 1, tmp_path, (), cfg, {"some_train": "01ab"})
    result = read_run(run, jobs=5)
    assert json.loads(json.dumps(result)) == result
    names = ("row", "seed", "iterations", "jobs")
    assert [result[name] for name in names] == ["base", 1, 2, 5]
    assert result["recipe"] == {"MODEL.STMA.LOSS_WEIGHT.SIZE": 0.1, "SOLVER.BASE_LR": 0.01}
    assert result["learning_rate"] == cfg.SOLVER.BASE_LR and result["hardware"] == "1 CPU thread"
    assert result["annotations"] == run.data
    left = tmp_path / "inference" / "synthetic_actions_val"
    metrics = json.loads((left / "metrics.json").read_text())
    assert result["evaluation"]["metrics"] == metrics["metrics"]
    assert result["evaluation"]["error_analysis"] == metrics["error_analysis"]["mean"]
    curves = json.loads((left / "curves.json").read_text())
    assert result["video_mAP_over_iou"] == curves["video_mAP_over_iou"]


def test_runs_stand_in_the_order_of_the_rows_with_the_classes_groups(make_run):
    MetadataCatalog.get("some_val").set(class_groups={"run": "short"})
    overrides = ["SOLVER.BASE_LR", "0.125"]
    try:
        order = [("K1", 2), ("full", 2), ("K1", 1), ("base", 1)]
        runs = [make_run(row, seed, {"run": 50}) for row, seed in order]
        study = collect(Settings(CONFIG, None, overrides), runs)
    finally:
        MetadataCatalog.remove("some_val")
    found = [(run["row"], run["seed"]) for run in study.pop("runs")]
    assert found == [("full", 2), ("base", 1), ("K1", 1), ("K1", 2)]
    assert study.pop("full_config") == load_config(CONFIG, [*overrides, *CPU]).dump()
    groups = {"run": "short"}
    assert study == {"config": CONFIG, "overrides": overrides, "class_groups": groups}


def test_a_study_without_a_finished_run_has_no_groups():
    assert collect(Settings(CONFIG), [])["class_groups"] is None
