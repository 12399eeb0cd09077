"""UCF101-24 is known by its names, lies as MOC-Detector lays it out, and has its labels."""

from __future__ import annotations

import shutil

import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.data import load_annotations
from stma_d2.data.datasets import register_ucf101_24
from stma_d2.data.datasets.ucf101_24 import LABELS
from stma_d2.errors import InputError


def test_importing_the_package_registers_it():
    for name in (
        f"ucf101_24_{part}" for part in ("train", "test", "mini_fit_train", "mini_fit_test")
    ):
        assert name in DatasetCatalog
        assert MetadataCatalog.get(name).evaluator_type == "tubelet"
    assert len(MetadataCatalog.get("ucf101_24_test").thing_classes) == 24


@pytest.mark.usefixtures("empty_catalogs")
def test_files_lie_as_moc_lays_them_out(shared, tmp_path):
    annotations = load_annotations(shared / "gt/UCF101v2-GT.pkl")
    (tmp_path / "ucf24").mkdir()
    shutil.copyfile(shared / "gt/UCF101v2-GT.pkl", tmp_path / "ucf24/UCF101v2-GT.pkl")
    for name in annotations.splits[0].test:
        (tmp_path / "ucf24/rgb-images" / name).mkdir(parents=True)
    register_ucf101_24(str(tmp_path))
    videos = DatasetCatalog.get("ucf101_24_test")
    assert len(videos) == 910
    assert tuple(MetadataCatalog.get("ucf101_24_test").thing_classes) == LABELS
    assert videos[0]["path"] == str(tmp_path / "ucf24/rgb-images" / videos[0]["video_id"])
    with pytest.raises(InputError, match="2284 of 2284 videos"):
        DatasetCatalog.get("ucf101_24_train")


@pytest.mark.usefixtures("empty_catalogs")
def test_the_mini_set_trains_and_tests_on_the_same_videos(shared, tmp_path):
    (tmp_path / "ucf24-mini").mkdir()
    for name in ("UCF101v2-GT-fit.pkl", "videos"):
        target = "rgb-images" if name == "videos" else name
        (tmp_path / "ucf24-mini" / target).symlink_to(shared / "ucf24-mini" / name)
    register_ucf101_24(str(tmp_path))
    train, test = (DatasetCatalog.get(f"ucf101_24_mini_fit_{s}") for s in ("train", "test"))
    assert len(train) == 6
    assert [video["video_id"] for video in train] == [video["video_id"] for video in test]
