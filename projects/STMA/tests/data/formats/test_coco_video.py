"""COCO for videos is read by CocoVID's rules, refused with the list and the item."""

from __future__ import annotations

import copy

import pytest

from stma_d2.data.formats import FormatSettings
from stma_d2.data.formats.coco_video import read_coco_video
from stma_d2.errors import InputError


def image(identity, frame, video=1, **others):
    return {
        "id": identity,
        "video_id": video,
        "frame_id": frame,
        "file_name": "x.jpg",
        "width": 64,
        "height": 48,
        **others,
    }


def annotation(image_id, track=5, category=2, bbox=(1, 2, 10, 20), **others):
    return {
        "id": 1,
        "image_id": image_id,
        "category_id": category,
        "track_id": track,
        "bbox": list(bbox),
        **others,
    }


DATA = {
    "videos": [{"id": 1, "name": "a"}, {"id": "two", "file_name": "b"}],
    "images": [image(10, 0), image(11, 1), image(12, 5), image("x", 3, "two")],
    "annotations": [
        annotation(11),
        annotation(10, bbox=(0, 0, 64, 48)),
        annotation(12, category=1),
        annotation("x", track="actor", category=1),
    ],
    "categories": [{"id": 2, "name": "run"}, {"id": 1, "name": "jump"}],
}


def read(report, data=DATA, **settings):
    return read_coco_video(data, "f.json", FormatSettings(**settings), report)


def test_content_is_read_as_documented(report):
    reading = read(report)
    assert reading.labels == ["run", "jump"]
    a, b = reading.videos
    assert (a.name, a.num_frames, a.height, a.width) == ("a", 6, 48, 64)
    assert (b.name, b.num_frames) == ("b", 4)
    run, jump = a.tracks
    assert (run.label, run.frames.tolist()) == ("run", [1, 2])
    assert run.boxes.tolist() == [[0, 0, 63, 47], [1, 2, 10, 21]]
    assert (jump.label, jump.frames.tolist()) == ("jump", [6])
    assert (b.tracks[0].name, b.tracks[0].frames.tolist()) == ("b: track actor", [4])
    assert not report.dropped


def test_frames_may_count_from_1(report):
    data = copy.deepcopy(DATA)
    data["images"][0]["frame_id"] = 7
    first = read(report, data, first_frame=1).videos[0].tracks[0]
    assert first.frames.tolist() == [1, 7]


def test_tracks_go_by_cocovids_own_word_too(report):
    data = copy.deepcopy(DATA)
    data["annotations"][0]["instance_id"] = data["annotations"][0].pop("track_id")
    assert read(report, data).videos[0].tracks[0].frames.tolist() == [1, 2]


def test_what_makes_no_tube_is_left_out(report):
    data = copy.deepcopy(DATA)
    data["annotations"] += [
        annotation(10, track=None),
        annotation(10, track=9, iscrowd=1),
        annotation(10, bbox=(5, 5, 5, 5)),
    ]
    assert [len(video.tracks) for video in read(report, data).videos] == [2, 1]
    assert report.dropped == {
        "an annotation without track_id (or instance_id)": ["a"],
        "a crowd (iscrowd)": ["a"],
        "a second box of the same track and category on a frame": ["a"],
    }


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("videos",), 3, "f.json: videos holds a int where a list"),
        (("videos", 0), {"name": "a"}, "videos, item 0 lacks 'id'"),
        (("videos", 0, "name"), 3, "videos, item 0, name is a int where text"),
        (("videos", 0, "id"), [1], r"videos, item 0, id is \[1\]; it must be a whole number or"),
        (("videos", 1, "id"), 1, "videos, item 1: the id 1 is there twice"),
        (("images", 1, "video_id"), 7, "images, item 1: video_id is 7, which nothing"),
        (("images", 1, "frame_id"), None, "images, item 1, frame_id is None; it must be a whole"),
        (("images", 1, "frame_id"), -1, "images, item 1: frame_id is -1; with frames counted from"),
        (("images", 1, "frame_id"), 10**8, "images, item 1: frame_id is 100000000;"),
        (
            ("images", 1, "width"),
            65,
            "images, item 1: 65 x 48 pixels, but video 'a' has .* 64 x 48",
        ),
        (("annotations", 2, "image_id"), 7, "annotations, item 2: image_id is 7, which nothing"),
        (("annotations", 2, "category_id"), 7, "annotations, item 2: category_id is 7"),
        (("annotations", 2, "track_id"), 1.5, "annotations, item 2, track_id is 1.5; it must be"),
        (("annotations", 2, "bbox"), [1, 2, 3], "item 2, bbox has 3 numbers, not left"),
        (("annotations", 2, "bbox", 3), True, "item 2, bbox is True; it must be a number"),
        (("annotations", 2, "bbox", 3), 10**400, "item 2, bbox is not finite"),
        (("annotations", 2, "bbox", 3), float("nan"), "item 2, bbox is not finite"),
        (("annotations", 2), [], "annotations, item 2 holds a list where a mapping"),
    ],
)
def test_wrong_values_are_named_with_their_place(report, keys, value, message):
    data = place = copy.deepcopy(DATA)
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    with pytest.raises(InputError, match=f"^f.json.*{message}|^{message}"):
        read(report, data)
