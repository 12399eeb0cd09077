"""AVA's key frames are joined to tubes by their entity."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stma_d2.data.formats import FormatSettings
from stma_d2.data.formats.ava import read_ava
from stma_d2.data.formats.members import Member
from stma_d2.errors import InputError


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """One video of 50 frames, 64 x 48, 10 a second."""
    folder = tmp_path_factory.mktemp("videos")
    writer = cv2.VideoWriter(str(folder / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(50):
        writer.write(np.full((48, 64, 3), number, np.uint8))
    writer.release()
    (folder / "frames").mkdir()
    for number in range(1, 6):
        cv2.imwrite(str(folder / "frames" / f"{number:05d}.jpg"), np.zeros((48, 64, 3), np.uint8))
    return str(folder)


@pytest.fixture
def read(tmp_path, videos, report):
    def read(text, **others):
        path = tmp_path / "f.csv"
        path.write_text(text)
        settings = FormatSettings(**{"videos": videos} | others)
        return read_ava(Member(str(path)), settings, report)

    return read


LINES = """a,1,0,0,1,1,run,7
a,2,0.5,0.25,1,1,run,7
a,4.04,0.25,0,0.5,1,run,7
a,1,0,0,0.5,0.5,jump,8

a,2,0,0,0.5,0.5,jump,8
"""


def test_key_frames_are_joined_on_straight_lines(read, report):
    reading = read(LINES)
    (video,) = reading.videos
    assert (video.name, video.num_frames, video.height, video.width) == ("a", 50, 48, 64)
    run, later, jump = video.tracks
    # 1 s is the frame 11, 2 s is 21; 4.04 s is nearest to 41 and too late to belong to them.
    assert (run.label, run.frames.tolist()) == ("run", list(range(11, 22)))
    assert run.boxes[0].tolist() == [0, 0, 63, 47]
    assert run.boxes[-1].tolist() == [32, 12, 63, 47]
    np.testing.assert_allclose(run.boxes[5], [16, 6, 63, 47])
    assert (later.label, later.frames.tolist()) == ("run", [41])
    assert later.boxes.tolist() == [[16, 0, 31, 47]]
    assert (jump.label, jump.frames.tolist()) == ("jump", list(range(11, 22)))
    assert not report.dropped


def test_active_speakers_columns_have_names(read):
    names = (
        "video_id,frame_timestamp,entity_box_x1,entity_box_y1,entity_box_x2,entity_box_y2,label,"
        "entity_id\n"
    )
    (track,) = read(names + "a,0.04,0,0,1,1,SPEAKING_AUDIBLE,a_0001:1\n").videos[0].tracks
    assert (track.label, track.frames.tolist()) == ("SPEAKING_AUDIBLE", [1])


def test_numbered_actions_and_cut_videos(read, tmp_path):
    labels = tmp_path / "list.pbtxt"
    labels.write_text(
        'item {\n  name: "bend/bow (at the waist)"\n  id: 1\n}\nlabel {name: "sit" label_id: 11}'
    )
    text = "frames,900.2,0,0,1,1,11,3\n"
    others = {"labels_file": str(labels), "fps": 5.0, "start_seconds": 900.0}
    reading = read(text, **others)
    assert reading.labels == ["bend/bow (at the waist)", "sit"]
    (track,) = reading.videos[0].tracks
    assert (track.label, track.frames.tolist()) == ("sit", [2])


def test_another_interval_joins_what_is_farther_apart(read):
    assert [len(t.frames) for t in read(LINES, key_frame_interval=2.0).videos[0].tracks] == [31, 11]


def test_what_the_video_does_not_have_is_left_out(read, report):
    text = "a,3,0,0,1,1,run,7\na,9,0,0,1,1,run,7\na,3,0,0,0.5,1,run,7\na,3,0,0,1,1,run,\n"
    (track,) = read(text).videos[0].tracks
    assert track.boxes.tolist() == [[0, 0, 63, 47]]
    assert report.dropped == {
        "a key frame at a time that the video does not have": ["a: entity 7"],
        "a second box of the same entity and action on a frame": ["a: entity 7"],
        "a line without an entity, which nothing can be joined to": ["a"],
    }


@pytest.mark.parametrize(
    ("text", "others", "message"),
    [
        ("a,1,0,0,1,1,run", {}, "line 1: 7 columns; expected are video, timestamp"),
        ("a,1,0,0,1,x,run,7", {}, "line 1, column 6 is 'x'; it must be a number"),
        ("a,1,0,0,64,1,run,7", {}, "line 1, column 5: 64 is no fraction of the frame.*divide x by"),
        ("a,1,0,-1e308,1,1,run,7", {}, "line 1, column 4: -1e.308 is no fraction"),
        ("a,1,0,0,1,1,,7", {}, "line 1: column 7 is empty"),
        ("a,1,0,0,1,1,12,7", {}, "line 1: action 12 has no name; name the list"),
        ('a,1,0,0,1,1,"run,7', {}, "line 1: "),
        ("\na,1,0,0,1,1,run,7\nb", {}, "line 3: 1 columns"),
        ("zzz,1,0,0,1,1,run,7", {}, "no video 'zzz' in"),
        ("frames,1,0,0,1,1,run,7", {}, "a folder of frames, which have no times; give --fps"),
        ("a,1,0,0,1,1,run,7", {"videos": None}, "name the folder of the videos by --videos"),
    ],
)
def test_wrong_lines_are_named(read, text, others, message):
    with pytest.raises(InputError, match=message):
        read(text, **others)
