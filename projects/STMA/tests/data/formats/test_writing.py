"""What is written for other programs comes back as it was, as far as their formats can hold it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stma_d2.data import Split, TubeAnnotations, VideoAnnotation, load_annotations
from stma_d2.data.formats import (
    ENDINGS,
    FormatSettings,
    Report,
    assemble,
    format_of,
    read_path,
    write_annotations,
)
from stma_d2.errors import InputError
from stma_d2.structures import Tube

# Sides in pixels: float32 values, as annotations hold them. Nearer than a thousandth of a pixel to
# zero, adding and subtracting the widths of boxes would round them.
sides = st.floats(-3000, 3000, width=32).map(lambda x: 0.0 if abs(x) < 1e-3 else x)
names = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="/\\\u00ad").filter(
        str.isprintable
    ),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in (".", ".."))


@st.composite
def tubes(draw, num_frames, num_labels, scores):
    first = draw(st.integers(1, num_frames))
    length = draw(st.integers(1, min(6, num_frames - first + 1)))
    corners = draw(st.lists(st.tuples(*[sides] * 4), min_size=length, max_size=length))
    boxes = np.sort(np.array(corners, np.float32).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    label = draw(st.integers(0, num_labels - 1))
    return Tube(np.arange(first, first + length), boxes, label, draw(scores))


ground_truth = st.just(1.0)


@st.composite
def annotations(draw, scores=ground_truth):
    labels = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    videos = {}
    for name in draw(st.lists(names, min_size=1, max_size=3, unique_by=str.lower)):
        num_frames = draw(st.integers(1, 30))
        found = draw(st.lists(tubes(num_frames, len(labels), scores), max_size=4))
        found.sort(key=lambda tube: tube.label)
        size = draw(st.tuples(st.integers(1, 3000), st.integers(1, 3000)))
        videos[name] = VideoAnnotation(num_frames, *size, tuple(found))
    video = next(iter(videos))
    if not any(video.tubes for video in videos.values()):
        only = draw(tubes(videos[video].num_frames, len(labels), scores))
        videos[video] = replace(videos[video], tubes=(only,))
    return TubeAnnotations(tuple(labels), videos, (Split(tuple(videos), ()),))


def there_and_back(written, kind, tolerance=0.0):
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        ending = "" if kind in ("cvat", "mot") else ENDINGS[kind]
        path = os.path.join(folder, f"out{ending}")
        write_annotations(written, path, kind, tolerance, report)
        readings = read_path(path, FormatSettings(), Report())
        return assemble(readings, (), None, Report()), report


def assert_equal(read, written):
    assert read.labels == written.labels
    assert read.videos.keys() == written.videos.keys()
    for name, video in written.videos.items():
        other = read.videos[name]
        assert replace(other, tubes=()) == replace(video, tubes=())
        for tube, expected in zip(other.tubes, video.tubes, strict=True):
            assert tube.label == expected.label
            np.testing.assert_array_equal(tube.frames, expected.frames)
            np.testing.assert_array_equal(tube.boxes, expected.boxes)


relaxed = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(annotations(), st.sampled_from(["cvat", "json", "act"]))
def test_cvat_and_our_formats_hold_everything(written, kind):
    read, report = there_and_back(written, kind)
    assert_equal(read, written)
    # (A folder's files are read in the order of their names.)
    assert sorted(read.splits[0].train) == sorted(written.splits[0].train)
    assert not report.dropped


@relaxed
@given(annotations(), st.sampled_from(["mot", "coco"]))
def test_mot_and_coco_hold_everything_but_splits(written, kind):
    read, report = there_and_back(written, kind)
    assert_equal(read, written)
    assert read.splits == ()
    assert report.dropped == {f"{kind} cannot hold these splits": ["1 in all"]}


@settings(relaxed, max_examples=8)
@given(annotations())
def test_all_formats_one_after_another(written):
    read = written
    for kind in ("cvat", "json", "mot", "coco", "act", "cvat"):
        read, _ = there_and_back(read, kind)
    assert_equal(read, written)


@relaxed
@given(annotations(scores=st.floats(0, 1, exclude_max=True)), st.sampled_from(sorted(ENDINGS)))
def test_tubes_of_a_model_keep_their_boxes_and_json_their_scores(written, kind):
    if kind == "mot":  # which leaves out lines of confidence 0
        written = replace(written, videos={k: positive(v) for k, v in written.videos.items()})
    read, report = there_and_back(written, kind)
    assert_equal(read, written)
    if kind == "json":
        for name, video in written.videos.items():
            scores = [tube.score for tube in read.videos[name].tubes]
            assert scores == [tube.score for tube in video.tubes]
    assert ("act cannot hold scores" in report.dropped) == (kind == "act")


def positive(video):
    return replace(video, tubes=tuple(replace(t, score=t.score or 0.5) for t in video.tubes))


def test_real_ground_truth_survives_cvat(shared):
    written = load_annotations(shared / "ucf24-mini/UCF101v2-GT.pkl")
    read, _ = there_and_back(written, "cvat")
    assert_equal(read, written)
    reduced, _ = there_and_back(written, "cvat", tolerance=2.0)
    for name, video in written.videos.items():
        for tube, expected in zip(reduced.videos[name].tubes, video.tubes, strict=True):
            assert np.abs(tube.boxes - expected.boxes).max() <= 2


@pytest.fixture
def small():
    box = np.array([[1, 2, 3, 4]], np.float32)
    video = VideoAnnotation(2, 24, 32, (Tube(np.array([1]), box, 0),))
    return TubeAnnotations(("Run",), {"Run/a": video, "b": video}, (Split(("b",), ("Run/a",)),))


def test_a_folder_has_one_file_a_video_and_appears_whole(small, tmp_path, report, monkeypatch):
    folder = tmp_path / "out"
    write_annotations(small, str(folder), "cvat", 0.0, report)
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == ["Run/a.xml", "b.xml"]

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("stma_d2.data.formats.writing.write_mot", fail)
    with pytest.raises(OSError, match="disk full"):
        write_annotations(small, str(tmp_path / "other"), "mot", 0.0, report)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_subsets_of_the_first_split_go_to_cvat(small, tmp_path, report):
    write_annotations(small, str(tmp_path / "out"), "cvat", 0.0, report)
    assert "<subset>Test</subset>" in (tmp_path / "out/Run/a.xml").read_text()
    assert not report.dropped
    several = replace(small, splits=small.splits * 2)
    write_annotations(several, str(tmp_path / "two"), "cvat", 0.0, report)
    assert report.dropped == {"cvat cannot hold these splits": ["2 in all"]}


@pytest.mark.parametrize(
    ("path", "wanted", "num_videos", "kind"),
    [
        ("a.json", None, 3, "json"),
        ("a.PKL", None, 3, "act"),
        ("a.xml", None, 1, "cvat"),
        ("a.zip", None, 1, "mot"),
        ("a.json", "coco", 3, "coco"),
        ("folder", "cvat", 3, "cvat"),
        ("folder", "mot", None, "mot"),
        ("a.txt", None, 1, "ends in none of .json, .pkl, .xml, .zip"),
        ("folder", None, 1, "ends in none of"),
        ("a.xml", "mot", 1, "must end in .zip for --to mot"),
        ("folder", "coco", 1, "must end in .json for --to coco"),
        ("a.xml", "cvat", 2, "2 videos do not go into one file a.xml; name a folder"),
    ],
)
def test_the_format_is_known_by_the_ending(path, wanted, num_videos, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if kind in ENDINGS:
        assert format_of(path, wanted, num_videos) == kind
        return
    with pytest.raises(InputError, match=kind):
        format_of(path, wanted, num_videos)


def test_a_folder_that_exists_is_not_written_into(tmp_path):
    with pytest.raises(InputError, match="exists; name a new one"):
        format_of(str(Path(tmp_path)), "cvat")
