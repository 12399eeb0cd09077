"""CVAT for video 1.1 is read as CVAT itself shows it; the expected tubes are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.data.formats import FormatSettings
from stma_d2.data.formats.cvat import read_cvat
from stma_d2.data.formats.members import Member
from stma_d2.errors import InputError
from stma_d2.structures import Split


@pytest.fixture
def read(tmp_path, report):
    def read(text, *actions):
        path = tmp_path / "annotations.xml"
        path.write_text(text)
        return read_cvat(Member(str(path)), FormatSettings(action_attributes=actions), report)

    return read


def document(tracks, meta="<task><name>v</name><size>10</size></task>"):
    return f"<annotations><version>1.1</version><meta>{meta}</meta>{tracks}</annotations>"


def box(frame, edges=(0, 0, 10, 10), outside=0, inner="", **others):
    sides = dict(zip(("xtl", "ytl", "xbr", "ybr"), edges, strict=True))
    values = {"frame": frame, "keyframe": 1, "outside": outside, "occluded": 0, **sides, **others}
    written = " ".join(f'{name}="{value}"' for name, value in values.items())
    return f"<box {written}>{inner}</box>"


def track(*boxes, label="run", **others):
    written = " ".join(f'{name}="{value}"' for name, value in others.items())
    return f'<track id="0" label="{label}" {written}>{"".join(boxes)}</track>'


def attribute(name, value):
    return f'<attribute name="{name}">{value}</attribute>'


def only(reading):
    (video,) = reading.videos
    (found,) = video.tracks
    return found


def test_every_element_of_the_format_by_label(cvat_file, report):
    reading = read_cvat(Member(str(cvat_file)), FormatSettings(), report)
    assert reading.labels == ["wave", "person"]  # a fence is no box
    assert reading.splits == (Split(("yard",), ()),)
    (video,) = reading.videos
    assert (video.name, video.num_frames, video.height, video.width) == ("yard", 12, 48, 64)
    wave, person, turned = video.tracks
    # Key frames 0 (10, 20, 30, 40) and 4 (14, 20, 38, 44): a quarter of the way each frame. From 4
    # halfway to 6, which is outside; then from 10 to the task's last frame, 11. The box of frame 1
    # is no key frame. Our frames count from 1, our x2 and y2 are the last pixels.
    assert (wave.label, wave.frames.tolist()) == ("wave", [1, 2, 3, 4, 5, 6, 11, 12])
    assert wave.boxes.tolist() == [
        [10, 20, 29, 39],
        [11, 20, 31, 40],
        [12, 20, 33, 41],
        [13, 20, 35, 42],
        [14, 20, 37, 43],
        [16, 20, 37, 43],
        [1, 2, 2, 3],
        [1, 2, 2, 3],
    ]
    assert (person.label, person.frames.tolist()) == ("person", list(range(3, 12)))
    assert person.boxes.tolist() == [[0, 0, 63, 47]] * 9
    # 20 x 10 around (30, 15), a quarter turn: 10 x 20 around (30, 15).
    assert turned.frames.tolist() == [4]
    np.testing.assert_allclose(turned.boxes, [[25, 5, 34, 24]], atol=1e-12)
    shapes = ("polygon", "points", "polyline", "cuboid", "ellipse", "mask", "skeleton")
    assert report.dropped == {
        **{
            f"{shape}: only boxes make tubes": [f"yard: track {number}"] * (1 + (number == 3))
            for number, shape in enumerate(shapes, start=3)
        },
        "<tag>: only tracks make tubes": [str(cvat_file)],
    }
    assert report.notes == {
        "an occluded key box counts like any other": ["yard: track 0"],
        "a rotated key box: the upright box around it is taken": ["yard: track 2"],
        "the attribute 'age' is not kept": ["yard: track 1"],  # a number
        **{
            f"the attribute {n!r} is not kept; if it says the action, add --action-attribute {n}": [
                "yard: track 1"
            ]
            for n in ("action", "shouts")
        },
    }


def test_every_element_of_the_format_by_attribute(cvat_file, report):
    settings = FormatSettings(action_attributes=("action", "shouts"))
    reading = read_cvat(Member(str(cvat_file)), settings, report)
    assert reading.labels == ["run", "jump", "shouts"]
    assert report.notes["the attribute 'age' is not kept"] == ["yard: track 1"]
    run, jump, shouts = reading.videos[0].tracks
    # run from CVAT's frame 2 and from 7, where "shouts" is not said again and stays; at 9 neither.
    assert (run.label, run.frames.tolist()) == ("run", [3, 4, 5, 8, 9])
    assert (jump.label, jump.frames.tolist()) == ("jump", [6, 7])
    assert (shouts.label, shouts.frames.tolist()) == ("shouts", [6, 7, 8, 9])
    lost = report.dropped["a track without the attribute action or shouts"]
    assert lost == ["yard: track 0", "yard: track 2"]


def test_interpolation_is_that_of_cvat_also_towards_outside(read):
    found = only(read(document(track(box(1), box(4, (30, 0, 43, 12), outside=1)))))
    assert found.frames.tolist() == [2, 3, 4]
    assert found.boxes.tolist() == [[0, 0, 9, 9], [10, 0, 20, 9 + 2 / 3], [20, 0, 31, 10 + 1 / 3]]


def test_rotation_goes_the_shorter_way_round(read):
    boxes = (box(0, (0, 0, 30, 10), rotation=350), box(2, (0, 0, 30, 10), rotation=10))
    found = only(read(document(track(*boxes, box(3, outside=1)))))
    np.testing.assert_allclose(found.boxes[1], [0, 0, 29, 9], atol=1e-9)  # at 0 degrees
    np.testing.assert_allclose(found.boxes[0], found.boxes[2], atol=1e-9)
    width = 30 * np.cos(np.deg2rad(10)) + 10 * np.sin(np.deg2rad(10))
    np.testing.assert_allclose(found.boxes[0, 2] - found.boxes[0, 0] + 1, width, atol=1e-9)


def test_boxes_in_any_order_and_without_flags(read):
    plain = '<box frame="{}" xtl="0" ytl="0" xbr="{}" ybr="4"/>'
    found = only(read(document(track(plain.format(2, 30), plain.format(0, 10)))))
    assert found.frames.tolist() == list(range(1, 11))  # to the task's end
    assert found.boxes[:4, 2].tolist() == [9, 19, 29, 29]


def test_frames_count_in_the_video_where_a_task_takes_a_part_of_it(read):
    meta = (
        "<task><name>v</name><size>4</size><start_frame>10</start_frame>"
        "<stop_frame>21</stop_frame><frame_filter>step=3</frame_filter></task>"
    )
    reading = read(document(track(box(10), box(13, outside=1), box(16)), meta))
    found = only(reading)
    # Annotated frames are 10, 13, 16, 19: outside at 13, so it was seen last at 10.
    assert found.frames.tolist() == [11, 17, 18, 19, 20]
    assert reading.videos[0].num_frames == 20


PROJECT = """<project><id>1</id><name>all</name>
  <labels><label><name>run</name></label></labels>
  <tasks>
    <task><id>3</id><name>a</name><size>5</size><subset>train</subset><source>a.MP4</source>
      <original_size><width>8</width><height>6</height></original_size></task>
    <task><id>4</id><name>b</name><size>2</size><subset>Test</subset><source>b.mp4</source>
      <original_size><width>4</width><height>2</height></original_size></task>
  </tasks></project>"""


def test_a_project_has_several_tasks(read):
    tracks = track(box(1), task_id=4) + track(box(3), task_id=3)
    reading = read(document(tracks, PROJECT))
    a, b = reading.videos
    assert (a.name, a.num_frames, a.width, b.name, b.num_frames, b.width) == ("a", 5, 8, "b", 2, 4)
    assert [t.frames.tolist() for t in (*a.tracks, *b.tracks)] == [[4, 5], [2]]
    assert reading.splits == (Split(("a",), ("b",)),)
    assert reading.labels == ["run"]


def test_a_job_is_named_by_its_file(read, tmp_path):
    meta = (
        "<job><id>9</id><size>3</size></job>"
        "<original_size><width>8</width><height>6</height></original_size>"
    )
    (video,) = read(document(track(box(0)), meta)).videos
    assert (video.name, video.num_frames, video.width) == (tmp_path.name, 3, 8)


def test_tasks_of_one_source_go_by_their_own_names(read):
    tasks = "<task><id>1</id><name>a</name><size>3</size><source>v.mp4</source></task>"
    both = tasks + tasks.replace("<id>1", "<id>2").replace(">a<", ">b<")
    assert [video.name for video in read(document("", both)).videos] == ["a", "b"]


def test_what_contradicts_the_task_is_left_out(read, report):
    text = track(box(0), box(0, (1, 1, 2, 2)), box(10), box(3, outside=1))
    found = only(read(document(text)))
    assert found.boxes.tolist() == [[0, 0, 9, 9]] * 3
    assert report.dropped == {
        "a second key frame on the same frame": ["v: track 0"],
        "a key frame outside of its task's frames": ["v: track 0"],
    }


def test_a_track_without_key_frames_is_left_out(read, report):
    (video,) = read(document(track(box(0, keyframe=0)))).videos
    assert not video.tracks
    assert report.dropped == {"a track without a key frame": ["v: track 0"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(track(box("x"))), "line 1: frame is 'x'; it must be a whole number"),
        (document(track(box(0, ("nan", 0, 1, 1)))), "xtl is 'nan'; it must be a number"),
        (document(track(box(0, ("1_0", 0, 1, 1)))), "xtl is '1_0'; it must be a number"),
        (document(track(box(0, ("1e999", 0, 1, 1)))), "xtl is not finite"),
        (document(track(box(0, keyframe=2))), "keyframe is '2'; it must be 0 or 1"),
        (document(track(box(0).replace('ytl="0"', ""))), "ytl is missing"),
        (document("<track/>"), "a <track> without a label"),
        (document(track(box(0)), ""), "has no <task>"),
        (document(track(box(0)), "<task><size>0</size></task>"), "<size> is 0; it must be 1 to"),
        (document(track(box(0)), "<task><size>x</size></task>"), "<size> is 'x'"),
        (document(track(box(0), task_id=9), PROJECT), "task_id is '9'.*tasks '3', '4'"),
        (document(track(box(0)), PROJECT), "task_id is None"),
        (document("<image/>"), "'CVAT for images'; export the task as 'CVAT for video 1.1'"),
        ("<annotations><track label='a'/></annotations>", "a <track> stands before <meta>"),
        ("<annotations></annotations>", "has no <meta>"),
        ("<annotations><version>1.0</version></annotations>", "version '1.0', expected 1.1"),
        ("<rss/>", "begins with <rss> where <annotations>"),
    ],
)
def test_wrong_files_are_one_line_with_the_place(read, text, message):
    with pytest.raises(InputError, match=rf"annotations\.xml.*{message}") as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_small_file_cannot_stand_for_boundless_boxes(read, monkeypatch):
    monkeypatch.setattr("stma_d2.data.formats.tracks.MAX_BOXES", 1000)
    meta = "<task><name>v</name><size>{}</size></task>"
    assert len(read(document(track(box(0)) * 2, meta.format(500))).videos[0].tracks) == 2
    for size in (501, 1001, 10_000_000):
        with pytest.raises(InputError, match="stands for more than 1000 boxes"):
            read(document(track(box(0)) * 2, meta.format(size)))
