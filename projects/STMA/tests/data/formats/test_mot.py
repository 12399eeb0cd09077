"""MOT text is read by CVAT's and MOTChallenge's rules, refused with its line."""

from __future__ import annotations

import zipfile
from io import BytesIO

import numpy as np
import pytest

from stma_d2.data import TubeAnnotations, VideoAnnotation
from stma_d2.data.formats import FormatSettings
from stma_d2.data.formats.members import Member
from stma_d2.data.formats.mot import read_mot, write_mot
from stma_d2.errors import InputError
from stma_d2.structures import Tube

SEQUENCE = "[Sequence]\nname=walk\nimDir=img1\nframeRate=30\nseqLength=9\nimWidth=64\nimHeight=48\n"
LINES = """1,1,10,20,30,40,1,1,0.86014
2, 1, 10.5, 20, 30, 40, 1, 1, 1
3,1,11,20,30,40,1,2,1

3,2,0,0,64,48,0,1,1
2,7,0,0,1,1,1,1,1
"""


@pytest.fixture
def sequence(tmp_path):
    def make(lines=LINES, labels="run\njump\n", info=SEQUENCE):
        folder = tmp_path / "seq" / "gt"
        folder.mkdir(parents=True)
        (folder / "gt.txt").write_text(lines)
        if labels is not None:
            (folder / "labels.txt").write_text(labels)
        if info is not None:
            (folder.parent / "seqinfo.ini").write_text(info)
        return Member(str(folder / "gt.txt"))

    return make


def test_content_is_read_as_documented(sequence, settings, report):
    reading = read_mot(sequence(), settings, report)
    assert reading.labels == ["run", "jump"]
    (video,) = reading.videos
    assert (video.name, video.num_frames, video.height, video.width) == ("walk", 9, 48, 64)
    run, jump, other = video.tracks
    assert (run.label, run.frames.tolist()) == ("run", [1, 2])
    assert run.boxes.tolist() == [[10, 20, 39, 59], [10.5, 20, 39.5, 59]]
    assert (jump.label, jump.frames.tolist()) == ("jump", [3])  # the same actor does another thing
    assert (other.label, other.boxes.tolist()) == ("run", [[0, 0, 0, 0]])
    assert report.dropped == {"a line that its seventh column excludes": ["walk: track 2"]}


def test_motchallenges_own_files_count_pixels_from_1(sequence, report):
    reading = read_mot(sequence(), FormatSettings(first_pixel=1), report)
    assert reading.videos[0].tracks[0].boxes[0].tolist() == [9, 19, 38, 58]


def test_the_class_may_be_a_name(sequence, settings, report):
    reading = read_mot(sequence("1,1,0,0,2,2,1,high jump,1", None, None), settings, report)
    (video,) = reading.videos
    assert (video.name, video.num_frames, video.tracks[0].label) == ("seq", None, "high jump")


def test_labels_may_lie_elsewhere(sequence, tmp_path, report):
    (tmp_path / "mine.txt").write_text("fly\nfall\n")
    settings = FormatSettings(labels_file=str(tmp_path / "mine.txt"))
    reading = read_mot(sequence(labels=None), settings, report)
    assert [track.label for track in reading.videos[0].tracks] == ["fly", "fall", "fly"]


def test_a_second_box_is_left_out(sequence, settings, report):
    lines = "1,1,0,0,9,9,1,1,1\n1,1,5,5,9,9,1,1,1\n"
    (track,) = read_mot(sequence(lines), settings, report).videos[0].tracks
    assert track.boxes.tolist() == [[0, 0, 8, 8]]
    assert report.dropped == {"a second box of the same track and class on a frame": ["walk"]}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("1,1,0,0,2,2,1,1\n1,1,0,0", "line 2: 4 columns; expected are frame, id, left"),
        ("1.5,1,0,0,2,2,1,1", "line 1, column 1 is '1.5'; it must be a whole number"),
        ("1,x,0,0,2,2,1,1", "line 1, column 2 is 'x'"),
        ("1,1,0,0,2,nan,1,1", "line 1, column 6 is 'nan'; it must be a number"),
        ("1,1,0,0,2,2,,1", "line 1, column 7 is ''"),
        ("1,1,0,0,2,2,1,", "line 1: column 8 is empty; it must be the class"),
        ("1,1,0,0,2,2,1,3", "line 1: class 3, but labels.txt has 1 to 2"),
        ("1,1,0,0,2,2,1,-1,-1,-1", "line 1: class -1, but labels.txt has 1 to 2"),
        ("\udcff", "no text in UTF-8"),
    ],
)
def test_wrong_lines_are_named(sequence, settings, report, lines, message):
    member = sequence("")
    with open(member.path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(lines)
    with pytest.raises(InputError, match=rf"gt\.txt.*{message}"):
        read_mot(member, settings, report)


def test_numbers_without_names_are_refused(sequence, settings, report):
    with pytest.raises(
        InputError, match=r"class 1, but labels.txt is missing; put one name a line"
    ):
        read_mot(sequence(labels=None), settings, report)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ("name=walk", r"seqinfo\.ini: not a sequence's description"),
        ("[Sequence]\nseqLength=many", r"seqinfo\.ini: seqlength is 'many'"),
    ],
)
def test_a_wrong_description_is_named(sequence, settings, report, info, message):
    with pytest.raises(InputError, match=message):
        read_mot(sequence(info=info), settings, report)


def test_what_is_written_is_what_cvat_imports():
    tube = Tube(np.array([2, 3]), np.array([[0, 1, 9, 11], [1, 1, 9, 11]], np.float32), 1, 0.25)
    annotations = TubeAnnotations(("run", "jump"), {"v": VideoAnnotation(5, 24, 32, (tube,))}, ())
    for scored, flag in ((False, "1"), (True, "0.25")):
        with zipfile.ZipFile(BytesIO(write_mot(annotations, "v", scored))) as archive:
            assert archive.namelist() == ["gt/gt.txt", "gt/labels.txt", "seqinfo.ini"]
            assert archive.read("gt/labels.txt") == b"run\njump\n"
            assert archive.read("gt/gt.txt").decode().splitlines() == [
                f"2,1,0.0,1.0,10.0,11.0,{flag},2,1.0",
                f"3,1,1.0,1.0,9.0,11.0,{flag},2,1.0",
            ]


def test_a_name_that_the_format_cannot_hold_is_refused():
    annotations = TubeAnnotations(("run",), {" v": VideoAnnotation(5, 24, 32, ())}, ())
    with pytest.raises(InputError, match="MOT cannot hold the video name ' v'"):
        write_mot(annotations, " v", False)
