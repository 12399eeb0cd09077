"""Annotation files are read as they are, written exactly, and refused when they contradict."""

from __future__ import annotations

import copy
import json
import os
import pickle

import numpy as np
import pytest

from stma_d2.data import Split, TubeAnnotations, load_annotations, save_annotations
from stma_d2.errors import InputError
from stma_d2.safe_pickle import UnsafePickleError


@pytest.fixture
def load(tmp_path):
    def load_act(data, dumps=pickle.dumps):
        path = tmp_path / "GT.pkl"
        path.write_bytes(dumps(data))
        return load_annotations(path)

    return load_act


def assert_equal(read: TubeAnnotations, written: TubeAnnotations) -> None:
    assert (read.labels, read.splits) == (written.labels, written.splits)
    assert list(read.videos) == list(written.videos)
    for name, video in written.videos.items():
        other = read.videos[name]
        assert (other.num_frames, other.height, other.width) == (
            (video.num_frames, video.height, video.width)
        )
        for tube, expected in zip(other.tubes, video.tubes, strict=True):
            assert (tube.label, tube.score) == (expected.label, expected.score)
            assert tube.frames.dtype == np.int64
            assert tube.boxes.dtype == np.float32
            np.testing.assert_array_equal(tube.frames, expected.frames)
            np.testing.assert_array_equal(tube.boxes, expected.boxes)


def test_a_pickle_is_read(load, act_data):
    annotations = load(act_data)
    assert annotations.labels == ("Run", "Jump")
    assert annotations.splits == (
        Split(train=("Run/a",), test=("Jump/b",)),
        Split(train=("Jump/b",), test=("Run/a",)),
    )
    video = annotations.videos["Run/a"]
    assert (video.num_frames, video.height, video.width) == (20, 24, 32)
    assert [(tube.label, len(tube), tube.score) for tube in video.tubes] == [(0, 20, 1), (0, 5, 1)]
    assert video.tubes[1].frames.tolist() == [5, 6, 7, 8, 9]
    assert video.tubes[1].box_at(5).tolist() == [0.25, 3, 31, 23]


def test_a_pickle_of_python_2_gives_the_same(load, act_data, python2_dumps):
    assert_equal(load(act_data, python2_dumps), load(act_data))


def test_keys_may_be_bytes(load, act_data):
    written = {key.encode(): value for key, value in act_data.items()}
    written[b"nframes"] = {key.encode(): value for key, value in act_data["nframes"].items()}
    written[b"labels"] = [b"Run", b"Jump"]
    assert_equal(load(written), load(act_data))


@pytest.mark.parametrize("extension", ["pkl", "json"])
def test_what_is_written_is_read_back_exactly(load, act_data, tmp_path, extension):
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(-40, 400, (20, 2, 2)), axis=1).reshape(20, 4)
    act_data["gttubes"]["Run/a"][1] = [np.column_stack([np.arange(1, 21), corners])]
    act_data["gttubes"]["Idle/\u00fc"] = {}
    act_data["nframes"]["Idle/\u00fc"] = 3
    act_data["resolution"]["Idle/\u00fc"] = (480, 640)
    annotations = load(act_data)
    path = tmp_path / f"copy.{extension}"
    save_annotations(annotations, path)
    assert_equal(load_annotations(path), annotations)


def test_the_written_pickle_is_what_the_field_reads(load, act_data, tmp_path):
    save_annotations(load(act_data), tmp_path / "copy.pkl")
    data = pickle.loads((tmp_path / "copy.pkl").read_bytes())
    assert {key: data[key] for key in data if key != "gttubes"} == {
        key: act_data[key] for key in act_data if key != "gttubes"
    }
    (tube,) = data["gttubes"]["Jump/b"][1]
    assert type(tube) is np.ndarray
    assert tube.dtype == np.float32
    np.testing.assert_array_equal(tube, act_data["gttubes"]["Jump/b"][1][0])


JSON_TEXT = """{
  "format": "stma-tubes", "version": 1, "labels": ["Run", "Jump"],
  "splits": [{"train": ["v"], "test": []}],
  "videos": {"v": {"num_frames": 3, "height": 24, "width": 32, "tubes": [
    {"label": "Jump", "first_frame": 2, "boxes": [[0, 1, 2.5, 3], [0, 1, 4, 3]]},
    {"label": "Run", "first_frame": 1, "boxes": [[5, 5, 6, 6]]}]}}}
"""


def test_json_is_read_as_documented(tmp_path):
    path = tmp_path / "GT.json"
    path.write_text(JSON_TEXT)
    annotations = load_annotations(path)
    assert annotations.splits == (Split(train=("v",), test=()),)
    run, jump = annotations.videos["v"].tubes
    assert (run.label, run.frames.tolist(), run.boxes.tolist()) == (0, [1], [[5, 5, 6, 6]])
    assert (jump.label, jump.frames.tolist()) == (1, [2, 3])
    assert jump.boxes.tolist() == [[0, 1, 2.5, 3], [0, 1, 4, 3]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"Jump", "first', '"Fly", "first', "video 'v', tube 0: label 'Fly' is not among"),
        ("[0, 1, 4, 3]", "[0, 1, 4]", "video 'v', tube 0: the boxes are not lists of four"),
        ("[0, 1, 4, 3]", "[0, 1, -4, 3]", r"video 'v', label 1 \(Jump\), tube 0.*x2 < x1"),
        ("[0, 1, 4, 3]", "[0, NaN, 4, 3]", "frame 3 is not finite"),
        ('"first_frame": 2', '"first_frame": 3', "covers frames 3 to 4, the video has 1 to 3"),
        ('"version": 1', '"version": 2', "version 2"),
        ('"height": 24, ', "", "video 'v' lacks 'height'"),
        ('"test": []', '"test": ["w"]', "video 'w' is in test of split 1 but has no annotation"),
        ('"splits": [', '"splits": [[', "not readable JSON"),
        (JSON_TEXT, "[]", "holds a list where a mapping was expected"),
        (JSON_TEXT, "", "not readable JSON"),
    ],
)
def test_bad_json_is_one_error_that_names_file_and_place(tmp_path, old, new, message):
    path = tmp_path / "GT.json"
    assert old in JSON_TEXT
    path.write_text(JSON_TEXT.replace(old, new))
    with pytest.raises(InputError, match=rf"(?s)GT\.json: .*{message}"):
        load_annotations(path)


def _set(*keys_and_value):
    *keys, value = keys_and_value

    def change(data):
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = value

    return change


def _box(frame: int, column: int, value: float):
    """Change a number of the second tube of label 0 of Run/a, which covers frames 5 to 9."""

    def change(data):
        data["gttubes"]["Run/a"][0][1][frame - 5, column] = value

    return change


TUBE = r"video 'Run/a', label 0 \(Run\), tube 1: "


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_box(7, 3, 0.0), TUBE + "the box of frame 7 has x2 < x1"),
        (_box(7, 4, 2.0), TUBE + "the box of frame 7 has y2 < y1"),
        (_box(6, 1, np.inf), TUBE + "the box of frame 6 is not finite"),
        (_box(6, 2, np.nan), TUBE + "the box of frame 6 is not finite"),
        (_box(8, 0, 7), TUBE + "frame 7 follows frame 7"),
        (_box(8, 0, 7.5), "label 0, tube 1: frame numbers are not whole"),
        (_box(8, 0, np.nan), "label 0, tube 1: frame numbers are not whole"),
        (_set("nframes", "Run/a", 8), r"label 0 \(Run\), tube 0: it covers frames 1 to 20"),
        (
            _set("gttubes", "Run/a", 0, 1, np.array([[0, 1, 1, 2, 2]], np.float32)),
            TUBE + "it covers frames 0 to 0, the video has 1 to 20",
        ),
        (_set("gttubes", "Run/a", 0, 1, np.zeros((0, 5))), TUBE + "it holds no boxes"),
        (_set("gttubes", "Run/a", 0, 1, np.zeros((3, 4))), r"tube 1: an array of shape \(3, 4\)"),
        (
            lambda data: data["gttubes"]["Run/a"].update({2: data["gttubes"]["Run/a"].pop(0)}),
            "video 'Run/a', label 2, tube 0: there are labels 0 to 1",
        ),
        (
            lambda data: data["gttubes"]["Run/a"].update({-1: data["gttubes"]["Run/a"].pop(0)}),
            "video 'Run/a', label -1, tube 0: there are labels 0 to 1",
        ),
        (_set("labels", []), "the list of labels is empty"),
        (_set("labels", ["Run", "Run"]), "label 'Run' is listed twice"),
        (_set("labels", "Run"), "labels must hold a list of names"),
        (_set("train_videos", ["Run/a", "Jump/b"]), "train_videos must hold a list of names"),
        (_set("train_videos", [["Run/a"]]), "train_videos has 1 splits, test_videos has 2"),
        (
            _set("train_videos", 0, ["Run/a", "Run/a"]),
            "'Run/a' is listed twice in train of split 1",
        ),
        (_set("test_videos", 1, ["c"]), "video 'c' is in test of split 2 but has no annotation"),
        (lambda data: data["nframes"].pop("Jump/b"), "'Jump/b' has tubes but no entry in nframes"),
        (lambda data: data["resolution"].pop("Jump/b"), "no entry in resolution"),
        (lambda data: data["gttubes"].pop("Jump/b"), "video 'Jump/b' is in test of split 1"),
        (_set("resolution", "Run/a", (0, 32)), "video 'Run/a': 20 frames of 0 x 32 pixels"),
        (_set("resolution", "Run/a", 240), "video 'Run/a': "),
        (_set("nframes", "Run/a", "many"), "video 'Run/a': "),
        (_set("nframes", 20), "nframes holds a int where a mapping was expected"),
        (
            lambda data: [data.pop(key) for key in ("gttubes", "resolution")],
            "the pickle lacks 'gttubes', 'resolution'",
        ),
    ],
)
def test_contradictions_are_one_error_that_names_file_and_place(load, act_data, change, message):
    data = copy.deepcopy(act_data)
    change(data)
    with pytest.raises(InputError, match=rf"GT\.pkl: .*{message}"):
        load(data)


def test_a_pickle_that_holds_no_mapping_is_one_error(load):
    with pytest.raises(InputError, match=r"GT\.pkl: the pickle holds a list"):
        load([1, 2])


def test_a_pickle_that_holds_code_is_refused(load, act_data):
    act_data["labels"] = os.getcwd
    with pytest.raises(UnsafePickleError, match=r"GT\.pkl: refused.*getcwd"):
        load(act_data)


def test_boxes_outside_the_frame_and_of_one_pixel_are_let_through(load, act_data):
    act_data["gttubes"]["Run/a"][0][1][2, 1:] = (-3, -2, 40, 30)
    act_data["gttubes"]["Run/a"][0][1][3, 1:] = (4, 5, 4, 5)
    tube = load(act_data).videos["Run/a"].tubes[1]
    assert tube.boxes[2:4].tolist() == [[-3, -2, 40, 30], [4, 5, 4, 5]]


@pytest.mark.parametrize("name", ["GT.pkl", "GT.json"])
def test_a_missing_file_is_one_error(tmp_path, name):
    with pytest.raises(InputError, match=rf"no annotation file at .*{name}"):
        load_annotations(tmp_path / name)


def test_other_file_names_are_refused(load, act_data, tmp_path):
    with pytest.raises(InputError, match=r"GT\.txt: annotation files end in \.pkl or in \.json"):
        load_annotations(tmp_path / "GT.txt")
    with pytest.raises(InputError, match=r"GT\.npz: annotation files end"):
        save_annotations(load(act_data), tmp_path / "GT.npz")


@pytest.mark.parametrize("extension", ["pkl", "json"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    load, act_data, tmp_path, monkeypatch, extension
):
    annotations = load(act_data)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / f"GT.{extension}").write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_annotations(annotations, folder / f"GT.{extension}")
    assert [(p.name, p.read_text()) for p in folder.iterdir()] == [(f"GT.{extension}", "old")]


def test_contradictions_are_not_written(load, act_data, tmp_path):
    annotations = load(act_data)
    annotations.videos["Run/a"].tubes[0].boxes[3] = (9, 9, 8, 9)
    with pytest.raises(InputError, match=r"new\.json: video 'Run/a'.*frame 4 has x2 < x1"):
        save_annotations(annotations, tmp_path / "new.json")
    assert not (tmp_path / "new.json").exists()


@pytest.mark.parametrize(
    ("file", "videos", "tubes", "boxes"),
    [
        ("gt/JHMDB-GT.pkl", 928, 928, 31852),
        ("gt/UCF101v2-GT.pkl", 3194, 4458, 573862),
        ("ucf24-mini/UCF101v2-GT.pkl", 6, 7, 890),
    ],
)
def test_real_ground_truth_is_read_whole(shared, file, videos, tubes, boxes):
    annotations = load_annotations(shared / file)
    read = [tube for video in annotations.videos.values() for tube in video.tubes]
    assert (len(annotations.videos), len(read)) == (videos, tubes)
    assert sum(len(tube) for tube in read) == boxes
    data = pickle.loads((shared / file).read_bytes())  # these files are known to be harmless
    for name, tubes_of_label in data["gttubes"].items():
        expected = [(k, a) for k, arrays in sorted(tubes_of_label.items()) for a in arrays]
        for tube, (label, rows) in zip(annotations.videos[name].tubes, expected, strict=True):
            assert tube.label == label
            np.testing.assert_array_equal(np.column_stack([tube.frames, tube.boxes]), rows)


def test_real_ground_truth_survives_json(shared, tmp_path):
    annotations = load_annotations(shared / "gt/JHMDB-GT.pkl")
    save_annotations(annotations, tmp_path / "GT.json")
    assert_equal(load_annotations(tmp_path / "GT.json"), annotations)
    assert json.loads((tmp_path / "GT.json").read_text())["version"] == 1
