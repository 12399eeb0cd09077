"""Files become one set of annotations; what does not fit is left out and told."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stma_d2.data import Split
from stma_d2.data.formats import assemble
from stma_d2.data.formats.tracks import Reading, Track, VideoTracks
from stma_d2.errors import InputError


def track(frames, label="run", box=(0, 0, 9, 9)):
    boxes = np.tile(np.array(box, np.float64), (len(frames), 1))
    return Track("a: track 1", label, np.array(frames, np.int64), boxes)


def reading(*tracks, name="a", source="f.xml", labels=("run",), size=(10, 24, 32), splits=()):
    return Reading(source, list(labels), [VideoTracks(name, *size, list(tracks))], splits)


def test_labels_videos_and_splits_of_files_are_joined(report):
    both = assemble(
        [
            reading(track([1], "jump"), track([2]), splits=(Split(("a",), ()),)),
            reading(track([1], "fly"), name="b", labels=("hop",), splits=(Split((), ("b",)),)),
        ],
        (),
        None,
        report,
    )
    assert both.labels == ("run", "hop", "jump", "fly")
    assert [tube.label for tube in both.videos["a"].tubes] == [0, 2]
    assert both.splits == (Split(("a",), ("b",)),)
    assert report.notes == {"a label without tubes is kept; --ignore-label removes it": ["hop"]}


def test_splits_that_only_one_file_has_are_no_splits(report):
    files = [reading(track([1]), splits=(Split(("a",), ()),)), reading(track([1]), name="b")]
    assert assemble(files, (), None, report).splits == ()


def test_a_track_with_gaps_is_several_tubes(report):
    (video,) = assemble([reading(track([1, 2, 5, 7, 8]))], (), None, report).videos.values()
    assert [tube.frames.tolist() for tube in video.tubes] == [[1, 2], [5], [7, 8]]
    assert report.notes == {"a track with gaps is several tubes": ["a: track 1"]}


def test_impossible_boxes_are_left_out(report):
    tracks = [
        track([9, 10, 11, 12]),
        track([1, 2], box=(5, 5, 4, 9)),
        track([1], box=(0, 0, 2e6, 9)),
        track([1], box=(0, 0, 1e300, 9)),
    ]
    (video,) = assemble([reading(*tracks)], (), None, report).videos.values()
    assert [tube.frames.tolist() for tube in video.tubes] == [[9, 10]]
    assert {reason: len(names) for reason, names in report.dropped.items()} == {
        "a box on a frame that the video does not have": 2,
        "a box less than a pixel wide or high": 2,
        "a box a million pixels away": 2,
    }


def test_labels_can_be_ignored(report):
    files = [reading(track([1]), track([1], "none"))]
    found = assemble(files, ["none"], None, report)
    assert found.labels == ("run",) and len(found.videos["a"].tubes) == 1
    assert report.dropped == {"a track of the ignored label 'none'": ["a: track 1"]}
    with pytest.raises(InputError, match="no label 'nix' is there to ignore; there are run, none"):
        assemble(files, ["nix"], None, report)


@pytest.fixture
def videos(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(1, 8):
        cv2.imwrite(str(tmp_path / "a" / f"{number:05d}.jpg"), np.zeros((24, 32, 3), np.uint8))
    return str(tmp_path)


def test_the_videos_say_what_files_do_not(videos, report):
    found = assemble([reading(track([7, 8]), size=(None, None, None))], (), videos, report)
    video = found.videos["a"]
    assert (video.num_frames, video.height, video.width) == (7, 24, 32)
    assert video.tubes[0].frames.tolist() == [7]
    assemble([reading(track([7]))], (), videos, report)
    assert report.notes == {"a video has another length than the annotations say": ["a"]}
    with pytest.raises(
        InputError, match="'a' is annotated on 32 x 25 pixels; the one in .* 32 x 24"
    ):
        assemble([reading(track([1]), size=(7, 25, 32))], (), videos, report)
    with pytest.raises(InputError, match="no video 'b' in .*: neither a folder"):
        assemble([reading(track([1]), name="b")], (), videos, report)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([reading(track([1])), reading(track([1]))], "f.xml: video 'a' is there twice, first in f"),
        ([reading(track([1]), size=(None, 2, 2))], "f.xml does not say the length of video 'a'; n"),
        ([reading(track([1]), size=(5, None, None))], "does not say the size of video 'a'; name"),
        ([reading(track([99]))], "f.xml: no tube is left. dropped 1 x: a box on a frame that"),
        ([reading()], "f.xml: no tube is left."),
        ([reading(track([1]), name="../a")], "f.xml: the video name '../a' is no path within"),
        ([reading(track([1], "a\nb"))], r"f.xml: the label 'a\\nb' cannot be printed"),
        ([reading(track([1]), size=(10**9, 2, 2))], "there can be 1 to 10000000 frames"),
    ],
)
def test_what_cannot_be_used_is_one_line(files, message, report):
    with pytest.raises(InputError, match=message):
        assemble(files, (), None, report)
