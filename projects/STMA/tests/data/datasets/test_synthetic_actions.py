"""Generating the synthetic data set: the same bytes, the right layout, nothing half done."""

import hashlib
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.data import load_annotations
from stma_d2.data.datasets import synthetic_actions
from stma_d2.data.datasets.synthetic_actions import (
    generate_synthetic_actions,
    register_synthetic_actions,
)
from stma_d2.data.datasets.synthetic_levels import LEVELS
from stma_d2.data.datasets.synthetic_motion import LABELS
from stma_d2.data.datasets.synthetic_plan import plan_video
from stma_d2.data.datasets.synthetic_render import draw_background
from stma_d2.errors import InputError

TINY = {"num_train": 1, "num_val": 1, "image_size": 64}


def _contents(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def tiny_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("datasets")
    generate_synthetic_actions(root, seed=3, **TINY)
    return root


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tiny_root, tmp_path):
    generate_synthetic_actions(tmp_path / "same", seed=3, **TINY)
    generate_synthetic_actions(tmp_path / "other", seed=4, **TINY)
    expected, other = _contents(tiny_root), _contents(tmp_path / "other")
    assert _contents(tmp_path / "same") == expected
    for name in ("rgb-images/train_0001/00001.jpg", "SyntheticActions-GT.pkl"):
        assert other[f"synthetic_actions/{name}"] != expected[f"synthetic_actions/{name}"]


def test_the_number_of_processes_changes_nothing(tmp_path):
    parameters = {"num_train": 6, "num_val": 4, "seed": 2, "image_size": 64}
    for workers in (1, 3):
        generate_synthetic_actions(tmp_path / str(workers), workers=workers, **parameters)
    assert _contents(tmp_path / "1") == _contents(tmp_path / "3")


# Of `easy` before there were other levels: whoever has the data keeps them, and published figures
# stay comparable.
EASY_SHA256 = "10512445107e8602ef9c3359d5dc2c6cd040597202b38ebbf265334b8b870e25"


def test_easy_is_what_it_always_was(tiny_root):
    """The same boxes, after which the frames drew as many numbers.

    Their bytes would be those of one version of OpenCV and its encoder.
    """
    digest = hashlib.sha256()
    for label in range(len(LABELS)):
        rng = np.random.default_rng(label)
        plan = plan_video([label], LEVELS["easy"], 64, rng)
        digest.update(np.round([actor.boxes for actor in plan.actors], 3).tobytes())
        draw_background(64, plan.swing, rng)
        digest.update(rng.bytes(8))
    assert digest.hexdigest() == EASY_SHA256
    parameters = json.loads((tiny_root / "synthetic_actions" / "parameters.json").read_text())
    assert parameters == {"version": 4, "num_train": 1, "num_val": 1, "seed": 3, "image_size": 64}


def test_levels_lie_apart_and_keep_their_factors(tiny_root, tmp_path):
    factors = replace(LEVELS["middle"].factors, clutter=7)
    generate_synthetic_actions(tmp_path, level="middle", factors=factors, **TINY)
    generate_synthetic_actions(tmp_path, level="hard", **TINY)
    folders = ["synthetic_actions_hard", "synthetic_actions_middle"]
    assert sorted(path.name for path in tmp_path.iterdir()) == folders
    parameters = json.loads((tmp_path / folders[1] / "parameters.json").read_text())
    assert (parameters["level"], parameters["factors"]["clutter"]) == ("middle", 7)
    annotations = load_annotations(tmp_path / folders[0] / "SyntheticActions-GT.pkl")
    assert annotations.labels == LEVELS["hard"].labels
    with pytest.raises(FileExistsError, match="--overwrite"):
        generate_synthetic_actions(tmp_path, level="middle", **TINY)
    with pytest.raises(InputError, match="levels easy, middle, hard, not 'harder'"):
        generate_synthetic_actions(tmp_path, level="harder", **TINY)


def test_train_and_val_are_drawn_apart(tiny_root):
    contents = _contents(tiny_root / "synthetic_actions" / "rgb-images")
    assert contents["train_0001/00001.jpg"] != contents["val_0001/00001.jpg"]


def test_more_videos_leave_the_others_as_they_were(tiny_root, tmp_path):
    generate_synthetic_actions(tmp_path, seed=3, **{**TINY, "num_train": 2})
    more = _contents(tmp_path / "synthetic_actions" / "rgb-images")
    for name, content in _contents(tiny_root / "synthetic_actions" / "rgb-images").items():
        assert more[name] == content


def test_layout_is_that_of_ucf101_24(tiny_root):
    folder = tiny_root / "synthetic_actions"
    annotations = load_annotations(folder / "SyntheticActions-GT.pkl")
    assert annotations.labels == LABELS and len(LABELS) >= 8
    assert [(s.train, s.test) for s in annotations.splits] == [(("train_0001",), ("val_0001",))]
    for name, video in annotations.videos.items():
        frames = sorted(path.name for path in (folder / "rgb-images" / name).iterdir())
        assert frames == [f"{number:05d}.jpg" for number in range(1, video.num_frames + 1)]
        image = cv2.imread(str(folder / "rgb-images" / name / frames[0]))
        assert image.shape == (video.height, video.width, 3) == (64, 64, 3)
        for tube in video.tubes:
            assert 1 < tube.frames[0] and tube.frames[-1] < video.num_frames
            assert np.all(tube.boxes[:, 2:] > tube.boxes[:, :2])
            assert tube.boxes.min() >= 0 and tube.boxes.max() <= 63


def test_annotated_boxes_lie_on_the_moving_actor(tmp_path, monkeypatch):
    """On a plain background, all pixels that an action changes lie inside its boxes."""
    monkeypatch.setattr(synthetic_actions, "JPEG_QUALITY", 100)
    monkeypatch.setattr(
        synthetic_actions,
        "draw_background",
        lambda size, swing, rng: np.full((len(swing), size, size, 3), 100, np.uint8),
    )
    generate_synthetic_actions(tmp_path, seed=0, num_train=1, num_val=1)
    folder = tmp_path / "synthetic_actions"
    video = load_annotations(folder / "SyntheticActions-GT.pkl").videos["train_0001"]
    (tube,) = video.tubes
    middle = len(tube) // 2
    first, second = (
        cv2.imread(str(folder / "rgb-images" / "train_0001" / f"{tube.frames[index]:05d}.jpg"))
        for index in (middle, middle + 6)
    )
    rows, columns = np.nonzero(np.abs(first.astype(int) - second).max(axis=2) > 60)
    both = tube.boxes[[middle, middle + 6]]
    assert len(rows) > 20
    x1, y1 = both[:, :2].min(axis=0) - 1
    x2, y2 = both[:, 2:].max(axis=0) + 1
    inside = (columns >= x1) & (columns <= x2) & (rows >= y1) & (rows <= y2)
    assert inside.mean() > 0.8, "idle actors, which drift by less than a pixel, change little"


def test_second_call_writes_nothing_and_other_parameters_need_overwrite(tmp_path):
    generate_synthetic_actions(tmp_path, seed=1, **TINY)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    generate_synthetic_actions(tmp_path, seed=1, **TINY)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before

    with pytest.raises(FileExistsError, match="'seed': 1.*--overwrite"):
        generate_synthetic_actions(tmp_path, seed=2, **TINY)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before

    generate_synthetic_actions(tmp_path, seed=2, overwrite=True, **TINY)
    parameters = json.loads((tmp_path / "synthetic_actions" / "parameters.json").read_text())
    assert parameters["seed"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["synthetic_actions"]


def test_a_folder_that_was_not_generated_is_never_replaced(tmp_path):
    (tmp_path / "synthetic_actions").mkdir()
    (tmp_path / "synthetic_actions" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="move it away"):
        generate_synthetic_actions(tmp_path, overwrite=True, **TINY)
    assert (tmp_path / "synthetic_actions" / "notes.txt").read_text() == "mine"


def test_a_failure_leaves_the_old_set_and_no_rest(tmp_path, monkeypatch):
    generate_synthetic_actions(tmp_path, seed=1, **TINY)
    before = _contents(tmp_path)

    def fail(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr(synthetic_actions, "save_annotations", fail)
    with pytest.raises(OSError, match="no space left"):
        generate_synthetic_actions(tmp_path, seed=2, overwrite=True, **TINY)
    assert _contents(tmp_path) == before


@pytest.mark.parametrize(
    "wrong", [{"num_train": 0}, {"num_val": -1}, {"seed": -1}, {"image_size": 32}, {"workers": 0}]
)
def test_parameters_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(InputError, match="synthetic actions need"):
        generate_synthetic_actions(tmp_path, **wrong)
    assert not any(tmp_path.iterdir())


@pytest.mark.usefixtures("empty_catalogs")
def test_registered_names_load_the_generated_videos(tiny_root):
    register_synthetic_actions(str(tiny_root))
    (train,), (val,) = (DatasetCatalog.get(f"synthetic_actions_{s}") for s in ("train", "val"))
    assert (train["video_id"], val["video_id"]) == ("train_0001", "val_0001")
    assert len(train["tubes"]) == 1
    metadata = MetadataCatalog.get("synthetic_actions_val")
    assert metadata.thing_classes == list(LABELS)
    assert (metadata.subset, metadata.split, metadata.evaluator_type) == ("test", 1, "tubelet")


@pytest.mark.usefixtures("empty_catalogs")
@pytest.mark.parametrize("level", LEVELS)
def test_metadata_tell_the_group_of_each_class(level, tmp_path):
    register_synthetic_actions(str(tmp_path))
    for subset in ("train", "val"):
        metadata = MetadataCatalog.get(f"{LEVELS[level].folder}_{subset}")
        assert list(metadata.class_groups) == metadata.thing_classes
        assert set(metadata.class_groups.values()) <= {"looks", "short", "long"}
    with pytest.raises(InputError, match=f"make_synthetic_actions.py --level {level}"):
        DatasetCatalog.get(f"{LEVELS[level].folder}_val")


def test_a_set_that_lost_files_is_told_and_generated_again(tiny_root, tmp_path):
    def generate(**options):
        generate_synthetic_actions(tmp_path, seed=3, **TINY, **options)

    generate()
    folder = tmp_path / "synthetic_actions"
    (folder / "rgb-images" / "val_0001" / "00002.jpg").unlink()
    with pytest.raises(InputError, match=r"val_0001 lacks 1 of its .*00002\.jpg.*--overwrite"):
        generate()
    generate(overwrite=True)
    (folder / "rgb-images" / "val_0001" / "00003.jpg").write_bytes(b"")  # of a full disk
    with pytest.raises(InputError, match=r"val_0001 lacks 1 of its .*00003\.jpg.*--overwrite"):
        generate()
    generate(overwrite=True)
    (folder / "SyntheticActions-GT.pkl").write_bytes(b"")
    with pytest.raises(InputError, match=r"SyntheticActions-GT\.pkl.*--overwrite"):
        generate()
    generate(overwrite=True)
    assert _contents(tmp_path) == _contents(tiny_root)
    (folder / "parameters.json").write_text("[" * 200000)
    with pytest.raises(FileExistsError, match=r"parameters\.json"):
        generate()
