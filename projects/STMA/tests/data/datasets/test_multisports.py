"""MultiSports is known by its names, lies as its archives have it, and has its labels."""

from __future__ import annotations

import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.data import Split, TubeAnnotations, VideoAnnotation, save_annotations
from stma_d2.data.datasets import register_multisports
from stma_d2.data.datasets.multisports import LABELS
from stma_d2.errors import InputError

TRAIN, VAL = "football/v_a_c001", "basketball/v_b_c002"


@pytest.fixture
def root(tmp_path, make_tube, empty_catalogs):
    """The annotations of a video to train and one to test with, and the folder of the videos."""
    videos = {name: VideoAnnotation(30, 48, 64, (make_tube(3, 20),)) for name in (TRAIN, VAL)}
    truth = TubeAnnotations(LABELS, videos, (Split((TRAIN,), (VAL,)),))
    save_annotations(truth, tmp_path / "multisports/trainval/multisports_GT.pkl")
    for name in (TRAIN, VAL):
        path = tmp_path / "multisports/trainval" / f"{name}.mp4"
        path.parent.mkdir()
        path.touch()
    register_multisports(str(tmp_path))
    return tmp_path / "multisports"


def test_importing_the_package_registers_it():
    for name, subset in (("train", "train"), ("val", "test")):
        assert f"multisports_{name}" in DatasetCatalog
        metadata = MetadataCatalog.get(f"multisports_{name}")
        assert (metadata.evaluator_type, metadata.subset) == ("tubelet", subset)
    assert len(set(LABELS)) == 66


def test_videos_are_files_until_they_have_frames(root):
    (train,), (val,) = (DatasetCatalog.get(f"multisports_{name}") for name in ("train", "val"))
    assert (train["video_id"], val["video_id"]) == (TRAIN, VAL)
    assert train["path"] == str(root / "trainval" / f"{TRAIN}.mp4")
    (root / "rgb-images" / TRAIN).mkdir(parents=True)
    (train,), (val,) = (DatasetCatalog.get(f"multisports_{name}") for name in ("train", "val"))
    assert train["path"] == str(root / "rgb-images" / TRAIN)
    assert val["path"] == str(root / "trainval" / f"{VAL}.mp4")


def test_what_is_missing_is_named_with_both_folders_and_the_recipe(root):
    (root / "trainval" / f"{VAL}.mp4").unlink()
    message = rf"1 of 1 videos .*such as {VAL}: .*rgb-images is .*trainval holds .*; RECIPES\.md"
    with pytest.raises(InputError, match=message):
        DatasetCatalog.get("multisports_val")
