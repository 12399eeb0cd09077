"""JHMDB-21 is known by its names, lies as MOC-Detector lays it out, and has its splits."""

from __future__ import annotations

import shutil

import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.data import load_annotations
from stma_d2.data.datasets import register_jhmdb_21
from stma_d2.data.datasets.jhmdb_21 import LABELS


def test_importing_the_package_registers_it():
    for split in (1, 2, 3):
        for subset in ("train", "test"):
            metadata = MetadataCatalog.get(f"jhmdb_21_split{split}_{subset}")
            assert f"jhmdb_21_split{split}_{subset}" in DatasetCatalog
            assert (metadata.split, metadata.subset) == (split, subset)
            assert len(metadata.thing_classes) == 21


@pytest.mark.usefixtures("empty_catalogs")
def test_files_lie_as_moc_lays_them_out(shared, tmp_path):
    annotations = load_annotations(shared / "gt/JHMDB-GT.pkl")
    (tmp_path / "JHMDB").mkdir()
    shutil.copyfile(shared / "gt/JHMDB-GT.pkl", tmp_path / "JHMDB/JHMDB-GT.pkl")
    for name in annotations.videos:
        (tmp_path / "JHMDB/Frames" / name).mkdir(parents=True)
    register_jhmdb_21(str(tmp_path))
    counts = [
        [len(DatasetCatalog.get(f"jhmdb_21_split{split}_{subset}")) for subset in ("train", "test")]
        for split in (1, 2, 3)
    ]
    assert counts == [[660, 268], [658, 270], [663, 265]]
    assert tuple(MetadataCatalog.get("jhmdb_21_split1_train").thing_classes) == LABELS
    (video,) = DatasetCatalog.get("jhmdb_21_split1_test")[:1]
    assert video["path"] == str(tmp_path / "JHMDB/Frames" / video["video_id"])
