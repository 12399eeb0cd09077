"""Evaluation on the configuration's test sets, and what is checked before it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.evaluation import inference_on_dataset
from detectron2.modeling import build_model

from stma_d2.data import (
    build_test_loader,
    known_labels,
    register_tube_dataset,
)
from stma_d2.engine.evaluation import (
    best_metric,
    build_evaluators,
    check_expected_results,
    evaluate,
)
from stma_d2.errors import InputError

LABELS = ("move_left", "move_right", "grow")


@pytest.fixture
def videos(tmp_path, synthetic_root):
    """Registers test sets on the small synthetic videos: with ground truth, and without."""
    import pickle

    folder = synthetic_root / "synthetic_actions"
    with open(folder / "SyntheticActions-GT.pkl", "rb") as file:
        truth = pickle.load(file)
    names = []

    def register(name, with_tubes=True, frames=folder / "rgb-images", reverse_labels=False):
        content = dict(truth)
        if reverse_labels:
            last = len(truth["labels"]) - 1
            content["labels"] = truth["labels"][::-1]
            content["gttubes"] = {
                video: {last - label: one for label, one in tubes.items()}
                for video, tubes in truth["gttubes"].items()
            }
        if not with_tubes:
            content["gttubes"] = {video: {} for video in truth["gttubes"]}
        path = tmp_path / f"{name}.pkl"
        path.write_bytes(pickle.dumps(content))
        register_tube_dataset(name, str(path), str(frames), subset="test")
        names.append(name)
        return name

    yield register
    for name in names:
        DatasetCatalog.remove(name)
        MetadataCatalog.remove(name)


@pytest.fixture
def cfg(tiny_cfg, tmp_path):
    tiny_cfg.MODEL.STMA.NUM_CLASSES = 10
    tiny_cfg.DATALOADER.NUM_WORKERS = 0
    tiny_cfg.OUTPUT_DIR = str(tmp_path / "output")
    return tiny_cfg


@pytest.fixture
def model(cfg):
    return seeded_model(cfg)


def seeded_model(cfg):
    torch.manual_seed(0)
    return build_model(cfg)


def test_the_model_is_evaluated_as_such_and_trained_on_as_before(cfg, model, videos):
    cfg.DATASETS.TEST = (videos("with_tubes"),)
    results = evaluate(cfg, model.train())
    assert 0 <= results["action_detection"]["video_mAP@0.5"] <= 100
    assert all(module.training for module in model.modules())
    path = f"{cfg.OUTPUT_DIR}/inference/with_tubes/detections.npz"
    with np.load(path) as written:
        assert len(written.files) > 0
    trained_mode = {key: value.clone() for key, value in model.state_dict().items()}
    evaluate(cfg, model)
    assert all(torch.equal(value, trained_mode[key]) for key, value in model.state_dict().items())


def test_an_evaluation_leaves_plots_and_one_that_fails_costs_no_numbers(
    cfg, model, videos, monkeypatch, caplog
):
    cfg.DATASETS.TEST = (videos("with_tubes"),)
    results = evaluate(cfg, model)
    folder = Path(cfg.OUTPUT_DIR) / "inference" / "with_tubes"
    plots = {path.stem for path in folder.glob("*.png")}
    assert plots == {"precision_recall", "map_over_iou", "per_class", "confusion", "errors"}

    def fail(*arguments):
        raise MemoryError("no room for the picture")

    monkeypatch.setattr("stma_d2.visualization.plots.write_png", fail)
    with caplog.at_level(logging.WARNING):
        assert evaluate(cfg, model) == results
    (warning,) = (r.getMessage() for r in caplog.records if "plots" in r.getMessage())
    assert str(folder) in warning and "no room for the picture" in warning


def test_detectron2_s_own_evaluation_of_the_model_is_the_same(cfg, videos):
    """``model(inputs)`` reads the rules of TEST too, as the project's evaluation does."""
    cfg.DATASETS.TEST = (name := videos("with_tubes"),)
    cfg.TEST.FLIP, cfg.TEST.CLIP_STRIDE, cfg.TEST.WINDOWS_PER_CHUNK = True, 3, 6
    model = seeded_model(cfg)
    expected = evaluate(cfg, model)
    written = f"{cfg.OUTPUT_DIR}/inference/{name}/detections.npz"
    with np.load(written) as arrays:
        ours = dict(arrays)
    (evaluator,) = build_evaluators(cfg, model)
    assert inference_on_dataset(model, build_test_loader(cfg, name), evaluator) == expected
    with np.load(written) as arrays:
        assert ours.keys() == set(arrays)
        for array, values in ours.items():
            close = {"atol": 1e-3, "rtol": 1e-4} if values.dtype.kind == "f" else {}
            compare = np.testing.assert_allclose if close else np.testing.assert_array_equal
            compare(values, arrays[array], **close)


def test_without_a_test_set_nothing_is_evaluated(cfg, model):
    """As the configuration of a trained network, which carries none."""
    cfg.DATASETS.TEST = ()
    with pytest.raises(InputError, match="DATASETS.TEST names no data set"):
        evaluate(cfg, model)
    assert evaluate(cfg, model, []) == {}  # a training that has none


def test_several_test_sets_have_their_names_before_their_tasks(cfg, model, videos):
    cfg.DATASETS.TEST = (videos("first"), videos("second"))
    assert set(evaluate(cfg, model)) == {"first/action_detection", "second/action_detection"}
    assert best_metric(cfg) == "first/action_detection/video_mAP@0.5"


def test_a_test_set_without_ground_truth_warns_and_ends_nothing(cfg, model, videos, caplog):
    cfg.DATASETS.TEST = (videos("without_tubes", with_tubes=False), videos("with_tubes"))
    with caplog.at_level(logging.WARNING):
        evaluators = build_evaluators(cfg, model)
    assert "'without_tubes' have no ground truth" in caplog.text
    caplog.clear()
    assert set(evaluate(cfg, model, evaluators)) == {"with_tubes/action_detection"}
    assert "'without_tubes' have no ground truth" in caplog.text


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("DATASETS.TEST", ("no_such_set",), "no_such_set"),
        ("TEST.PROTOCOL", "coco", "coco"),
        ("TEST.CLIP_STRIDE", 3, r"TEST\.CLIP_STRIDE"),
        ("TEST.EXPECTED_RESULTS", [["bbox", "AP", 38.5, 0.2]], r"TEST\.EXPECTED_RESULTS.*bbox"),
        ("MODEL.STMA.NUM_CLASSES", 9, r"MODEL\.STMA\.NUM_CLASSES"),
    ],
)
def test_what_an_evaluation_lacks_shows_before_the_training(cfg, model, videos, key, value, words):
    cfg.DATASETS.TEST = (videos("with_tubes"),)
    cfg.merge_from_list([key, value])
    with pytest.raises(InputError, match=words):
        build_evaluators(cfg, model)


def test_metrics_are_those_of_the_protocol(cfg, model, videos):
    cfg.DATASETS.TEST = (videos("with_tubes"),)
    cfg.TEST.PROTOCOL = "multisports"
    cfg.TEST.BEST_METRIC = "action_detection/video_mAP@0.10:0.90"
    cfg.TEST.EXPECTED_RESULTS = [["action_detection", "video_mAP@0.05:0.45", 1.0, 1.0]]
    build_evaluators(cfg, model)
    cfg.TEST.BEST_METRIC = "action_detection/video_mAP@0.75"
    with pytest.raises(InputError, match=r"BEST_METRIC.*0\.75.*multisports are.*0\.10:0\.90"):
        build_evaluators(cfg, model)
    cfg.TEST.BEST_METRIC = "action_detection/video_mAP@0.2"
    cfg.TEST.EXPECTED_RESULTS = [["action_detection", "video_mAP@0.75", 1.0, 1.0]]
    with pytest.raises(InputError, match=r"EXPECTED_RESULTS.*0\.75.*multisports are"):
        build_evaluators(cfg, model)


def test_missing_frames_of_a_test_set_show_before_the_training(cfg, model, videos, tmp_path):
    name = videos("with_tubes")
    annotations = MetadataCatalog.get(name).annotations_file
    register_tube_dataset("no_frames", annotations, str(tmp_path / "nowhere"), subset="test")
    cfg.DATASETS.TEST = ("no_frames",)
    try:
        with pytest.raises(InputError, match="'no_frames': .*neither a folder of frames"):
            build_evaluators(cfg, model)
    finally:
        DatasetCatalog.remove("no_frames")
        MetadataCatalog.remove("no_frames")


@pytest.mark.parametrize("position", [0, 20, -1])
def test_a_missing_frame_of_a_test_set_shows_before_the_training(
    cfg, model, videos, synthetic_root, tmp_path, position
):
    """Only what lies in the folder's listing is looked at: frames that are damaged show later."""
    frames = tmp_path / "frames"
    shutil.copytree(synthetic_root / "synthetic_actions" / "rgb-images", frames)
    cfg.DATASETS.TEST = (videos("with_tubes", frames=frames),)
    build_evaluators(cfg, model)
    sorted((frames / "val_0002").iterdir())[position].unlink()
    with pytest.raises(InputError, match=r"'with_tubes': .*val_0002: .*frame .*_dataset\.py check"):
        build_evaluators(cfg, model)


def test_a_test_set_with_its_labels_in_another_order_is_refused(cfg, model, videos, caplog):
    """Its classes have other numbers than the network's: the figures would be of chance."""
    cfg.DATASETS.TEST = (videos("first"), videos("second", reverse_labels=True))
    first, second = (known_labels(name) for name in cfg.DATASETS.TEST)
    words = f"'first' and 'second' are not the same .*'{first[0]}' there is '{second[0]}' here"
    with pytest.raises(InputError, match=words):
        build_evaluators(cfg, model)
    cfg.TEST.OTHER_SETTINGS = True
    build_evaluators(cfg, model)
    assert "'first' and 'second' are not the same" in caplog.text


def test_what_cannot_be_met_for_want_of_ground_truth_shows_before_the_training(cfg, model, videos):
    cfg.DATASETS.TEST = (videos("without_tubes", with_tubes=False), videos("with_tubes"))
    expected = [["with_tubes/action_detection", "video_mAP@0.5", 50.0, 50.0]]
    cfg.TEST.EXPECTED_RESULTS = expected
    build_evaluators(cfg, model)
    cfg.TEST.EXPECTED_RESULTS = [*expected, ["without_tubes/action_detection", *expected[0][1:]]]
    with pytest.raises(InputError, match="'without_tubes/action_detection'.* no ground truth"):
        build_evaluators(cfg, model)


def test_results_are_compared_with_those_that_were_expected(cfg):
    results = {"action_detection": {"video_mAP@0.5": 93.0}}
    cfg.TEST.EXPECTED_RESULTS = [["action_detection", "video_mAP@0.5", 95.0, 2.0]]
    check_expected_results(cfg, results)
    cfg.TEST.EXPECTED_RESULTS = [["action_detection", "video_mAP@0.5", 95.0, 1.9]]
    with pytest.raises(InputError, match=r"EXPECTED_RESULTS.*95\.0.*not met.*video_mAP@0\.5 93"):
        check_expected_results(cfg, results)
    with pytest.raises(InputError, match="not met"):
        check_expected_results(cfg, {})
