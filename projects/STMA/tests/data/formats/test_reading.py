"""A file's format is known by its ending and what is in it."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from stma_d2.data.formats import FormatSettings, read_path
from stma_d2.errors import InputError
from stma_d2.safe_pickle import UnsafePickleError


@pytest.fixture
def read(report):
    return lambda path: read_path(str(path), FormatSettings(), report)


COCO = {
    "videos": [{"id": 1, "name": "a"}],
    "images": [{"id": 1, "video_id": 1, "frame_id": 0, "width": 8, "height": 6}],
    "annotations": [],
    "categories": [],
}
OURS = {"format": "stma-tubes", "version": 1, "labels": ["Run"], "splits": [], "videos": {}}


def test_json_is_ours_or_cocos(read, tmp_path):
    for data, names in ((COCO, ["a"]), (OURS, [])):
        (tmp_path / "f.json").write_text(json.dumps(data))
        (reading,) = read(tmp_path / "f.json")
        assert [video.name for video in reading.videos] == names


def test_pickles_are_acts_or_ucfs(read, tmp_path, act_data):
    corrected = {"b": {"numf": 3, "label": 0, "annotations": []}}
    for data, names in ((act_data, ["Run/a", "Jump/b"]), (corrected, ["b"])):
        (tmp_path / "f.PKL").write_bytes(pickle.dumps(data))
        (reading,) = read(tmp_path / "f.PKL")
        assert [video.name for video in reading.videos] == names


def test_our_tubes_keep_their_scores_and_splits(read, tmp_path):
    tube = {"label": "Run", "first_frame": 2, "boxes": [[1, 2, 3, 4]], "score": 0.25}
    videos = {"v": {"num_frames": 3, "height": 6, "width": 8, "tubes": [tube]}}
    splits = [{"train": ["v"], "test": []}]
    (tmp_path / "f.json").write_text(json.dumps(OURS | {"videos": videos, "splits": splits}))
    (reading,) = read(tmp_path / "f.json")
    (track,) = reading.videos[0].tracks
    assert (track.name, track.label, track.score) == ("v: tube 0", "Run", 0.25)
    assert reading.splits[0].train == ("v",)
    np.testing.assert_array_equal(track.boxes, [[1, 2, 3, 4]])


def test_the_zip_as_exported_is_read(read, make_zip, cvat_file):
    path = make_zip(
        "export.zip", {"annotations.xml": cvat_file.read_bytes(), "images/frame_000000.png": b"x"}
    )
    (reading,) = read(path)
    assert (reading.source, len(reading.videos[0].tracks)) == (f"{path}/annotations.xml", 3)


def test_a_folder_holds_many(read, tmp_path, cvat_file, make_zip):
    (tmp_path / "one.xml").write_bytes(cvat_file.read_bytes())
    make_zip("two.zip", {"gt/gt.txt": "1,1,0,0,2,2,1,run,1", "readme.txt": "hello"})
    assert [reading.videos[0].name for reading in read(tmp_path)] == ["yard", "two"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.json", b"[" * 100_000, r"f\.json: not readable JSON"),
        ("f.json", b'{"a": 1, "a": 2}', r"f\.json: .*key 'a' twice"),
        ("f.json", b"[]", r"f\.json: the file holds a list where a mapping"),
        ("f.pkl", b"nothing", r"f\.pkl: not a readable pickle"),
        ("f.pkl", pickle.dumps([1]), r"f\.pkl holds a list where a mapping"),
        ("f.doc", b"", r"f\.doc holds no annotations that are known: \.xml of CVAT"),
        ("f.zip", b"", r"f\.zip: not a readable zip file"),
    ],
)
def test_what_is_no_annotation_is_named(read, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / name)


def test_nothing_there_is_said(read, tmp_path, make_zip):
    with pytest.raises(InputError, match="no annotations at .*nowhere"):
        read(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no annotations that are known"):
        read(make_zip("a.zip", {"images/1.png": b""}))


def test_pickles_run_nothing(read, tmp_path):
    (tmp_path / "f.pkl").write_bytes(pickle.dumps(print))
    with pytest.raises(UnsafePickleError, match="refused"):
        read(tmp_path / "f.pkl")
