"""Registered data sets give the standard dict of a video, or say what is missing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.data import catalog, find_video, load_ground_truth, register_tube_dataset
from stma_d2.errors import InputError

pytestmark = pytest.mark.usefixtures("empty_catalogs")


@pytest.fixture
def root(tmp_path, act_data):
    (tmp_path / "GT.pkl").write_bytes(pickle.dumps(act_data))
    (tmp_path / "frames" / "Run" / "a").mkdir(parents=True)
    (tmp_path / "frames" / "Jump").mkdir()
    (tmp_path / "frames" / "Jump" / "b.mp4").touch()
    return tmp_path


def register(root, **options):
    register_tube_dataset("mine", str(root / "GT.pkl"), str(root / "frames"), **options)


def test_a_video_becomes_a_standard_dict(root, act_data):
    register(root)
    (video,) = DatasetCatalog.get("mine")
    tubes = video.pop("tubes")
    assert video == {
        "video_id": "Run/a",
        "num_frames": 20,
        "height": 24,
        "width": 32,
        "path": str(root / "frames" / "Run" / "a"),
    }
    assert [(tube.label, tube.score) for tube in tubes] == [(0, 1.0), (0, 1.0)]
    np.testing.assert_array_equal(tubes[1].boxes, act_data["gttubes"]["Run/a"][0][1][:, 1:])


def test_the_first_folder_that_has_a_video_serves(root):
    (root / "files" / "Run").mkdir(parents=True)
    (root / "files" / "Run" / "a.mp4").touch()
    for name, folders in (("one", ("files", "frames")), ("other", ("none", "frames", "files"))):
        register_tube_dataset(name, str(root / "GT.pkl"), [str(root / f) for f in folders])
    paths = [DatasetCatalog.get(name)[0]["path"] for name in ("one", "other")]
    assert paths == [str(root / "files" / "Run" / "a.mp4"), str(root / "frames" / "Run" / "a")]
    assert find_video("other", "Run/a") == paths[1]
    assert find_video("other", "Run/c") is None


def test_split_and_subset_choose_the_videos(root):
    register(root, split=2, subset="train")
    (video,) = DatasetCatalog.get("mine")
    assert video["video_id"] == "Jump/b"
    assert video["path"] == str(root / "frames" / "Jump" / "b.mp4")


def test_metadata_is_there_at_once_and_labels_after_reading(root):
    register(root, split=2, subset="test")
    metadata = MetadataCatalog.get("mine")
    assert metadata.annotations_file == str(root / "GT.pkl")
    assert (metadata.split, metadata.subset, metadata.evaluator_type) == (2, "test", "tubelet")
    assert metadata.get("thing_classes") is None
    DatasetCatalog.get("mine")
    assert metadata.thing_classes == ["Run", "Jump"]
    DatasetCatalog.get("mine")


def test_known_labels_are_there_before_reading(root):
    register(root, labels=("Run", "Jump"))
    assert MetadataCatalog.get("mine").thing_classes == ["Run", "Jump"]
    assert len(DatasetCatalog.get("mine")) == 1


def test_other_labels_than_the_known_ones_are_one_error(root):
    register(root, labels=("Jump", "Run"))
    with pytest.raises(InputError, match=r"'mine': the labels of .*GT\.pkl"):
        DatasetCatalog.get("mine")


def test_registering_reads_nothing_and_missing_files_end_in_the_hint(tmp_path):
    register(tmp_path / "absent", hint="run make_data.py")
    message = r"'mine': no annotation file at .*GT\.pkl.* run make_data\.py$"
    with pytest.raises(InputError, match=message):
        DatasetCatalog.get("mine")


def test_a_file_is_read_once_until_it_changes(root, act_data, monkeypatch):
    read = []
    load = catalog.load_annotations
    monkeypatch.setattr(catalog, "load_annotations", lambda path: read.append(path) or load(path))
    register(root)
    register_tube_dataset("other", str(root / "GT.pkl"), str(root / "frames"), subset="test")
    truth, videos = load_ground_truth("other")
    assert videos == ("Jump/b",) and truth.videos.keys() == act_data["gttubes"].keys()
    assert DatasetCatalog.get("mine")[0]["tubes"] == list(truth.videos["Run/a"].tubes)
    assert len(read) == 1
    act_data["nframes"]["Jump/b"] = 30
    (root / "GT.pkl").write_bytes(pickle.dumps(act_data))
    assert load_ground_truth("other")[0].videos["Jump/b"].num_frames == 30
    assert len(read) == 2


def test_missing_videos_are_counted_and_named(root):
    (root / "frames" / "Jump" / "b.mp4").unlink()
    register(root, subset="test")
    there = r".*frames holds 2 folders \(Jump, Run\)"
    message = rf"'mine': 1 of 1 videos .*such as Jump/b: {there}; .*prepare_dataset\.py"
    with pytest.raises(InputError, match=message):
        DatasetCatalog.get("mine")


def test_a_split_that_is_not_there_is_one_error(root):
    register(root, split=3)
    with pytest.raises(InputError, match=r"'mine': .*GT\.pkl has splits 1 to 2, not 3"):
        DatasetCatalog.get("mine")


def test_wrong_registrations_are_refused(root):
    with pytest.raises(InputError, match="'mine': subset is 'train' or 'test', not 'val'"):
        register(root, subset="val")
    register(root)
    with pytest.raises(InputError, match="'mine' is registered already"):
        register(root)
