"""Annotation files are read whole, written whole and exactly, and refused by name."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace

import numpy as np
import pytest

from stma_d2.data import TubeAnnotations, load_annotations, save_annotations
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
        assert replace(other, tubes=()) == replace(video, tubes=())
        for tube, expected in zip(other.tubes, video.tubes, strict=True):
            assert (tube.label, tube.score) == (expected.label, expected.score)
            assert (tube.frames.dtype, tube.boxes.dtype) == (np.int64, np.float32)
            np.testing.assert_array_equal(tube.frames, expected.frames)
            np.testing.assert_array_equal(tube.boxes, expected.boxes)


def test_a_pickle_of_python_2_gives_the_same(load, act_data, python2_dumps):
    assert_equal(load(act_data, python2_dumps), load(act_data))


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


def test_a_pickle_that_holds_code_is_refused(load, act_data):
    act_data["labels"] = os.getcwd
    with pytest.raises(UnsafePickleError, match=r"GT\.pkl: refused.*getcwd"):
        load(act_data)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bom.json", None),
        ("normalized.json", None),
        ("np_str.pkl", None),
        ("duplicate_video_key.json", "the key 'a' twice"),
        ("tubes_null.json", "video 'a', tubes"),
        ("num_frames_float.json", "video 'a', num_frames is 24.9"),
        ("box_nan.json", r"video 'a', label 0 \(Run\), tube 0: the box of frame 3 is not finite"),
        ("float_keys.pkl", "video 'a', a label in gttubes is 0.9"),
    ],
)
def test_files_that_went_wrong_once(shared, name, message):
    path = shared / "cases" / "annotations" / name
    if message is None:
        assert len(load_annotations(path).videos) == 2
        return
    with pytest.raises(InputError, match=f"{name}: .*{message}"):
        load_annotations(path)


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
