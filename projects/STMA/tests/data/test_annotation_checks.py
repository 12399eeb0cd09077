"""Annotations are consistent, or their first contradiction is told with its place."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.data import Split, TubeAnnotations, VideoAnnotation
from stma_d2.data.act_annotations import from_act
from stma_d2.data.annotation_checks import beyond_frame, check_annotations, tube_problem
from stma_d2.errors import InputError
from stma_d2.structures import Tube


def tube(first: int = 3, boxes: tuple = ((1, 2, 3, 4), (1, 2, 3, 4)), label: int = 0) -> Tube:
    frames = np.arange(first, first + len(boxes))
    return Tube(frames, np.array(boxes, dtype=np.float32).reshape(-1, 4), label)


@pytest.mark.parametrize(("first", "num_frames"), [(1, 2), (3, 4), (9, 10)])
def test_a_tube_may_touch_both_ends_of_its_video(first, num_frames):
    assert tube_problem(tube(first), num_frames) is None


def test_a_box_may_cover_one_pixel_and_leave_the_frame():
    assert tube_problem(tube(boxes=((5, 5, 5, 5), (-9, -9, 9999, 9999))), 10) is None


def test_boxes_beyond_the_frame_by_hand():
    """A frame of 10 x 20 (height x width): its last pixels are 9 and 19."""
    boxes = np.array([[0, 0, 19, 9], [-2, 0, 5, 5], [0, 0, 20, 9], [3, 3, 8, 12.5], [5, 5, 6, 6]])
    assert beyond_frame(boxes, 10, 20).tolist() == [0, 2, 1, 3.5, -3]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (tube(first=0), "it covers frames 0 to 1, the video has 1 to 10"),
        (tube(first=10), "it covers frames 10 to 11, the video has 1 to 10"),
        (tube(boxes=()), "it holds no boxes"),
        (tube(boxes=((1, 2, 3, 4), (4, 2, 3, 4))), "the box of frame 4 has x2 < x1: [4.0, 2.0,"),
        (tube(boxes=((1, 5, 3, 4), (1, 2, 3, 4))), "the box of frame 3 has y2 < y1: [1.0, 5.0,"),
        (tube(boxes=((1, 2, 3, np.inf),)), "the box of frame 3 is not finite"),
        (tube(boxes=((-1e9, 2, 3, 4),)), "the box of frame 3 lies a million pixels away"),
        (Tube(np.array([3, 5]), np.zeros((2, 4)), 0), "frame 5 follows frame 3"),
        (Tube(np.array([4, 3]), np.zeros((2, 4)), 0), "frame 3 follows frame 4"),
        (Tube(np.array([3]), np.zeros((2, 4)), 0), "boxes of shape (2, 4) where (1, 4)"),
    ],
)
def test_a_contradiction_is_told_with_its_frame(bad, problem):
    assert problem in tube_problem(bad, 10)


def test_tubes_are_counted_within_their_label():
    tubes = (tube(label=0), tube(label=1), tube(label=1, first=10))
    annotations = TubeAnnotations(
        labels=("Run", "Jump"),
        videos={"v": VideoAnnotation(10, 24, 32, tubes)},
        splits=(Split(train=("v",), test=()),),
    )
    with pytest.raises(InputError, match=r"^x\.pkl: video 'v', label 1 \(Jump\), tube 1: it cover"):
        check_annotations(annotations, "x.pkl")


@pytest.mark.parametrize(
    ("keys", "value", "problem"),
    [
        (("nframes", "Run/a"), 8, r"label 0 \(Run\), tube 0: it covers frames 1 to 20"),
        (("gttubes", "Run/a", 2), [np.ones((1, 5))], "label 2, tube 0: there are labels 0 to 1"),
        (("gttubes", "Run/a", -1), [np.ones((1, 5))], "label -1, tube 0: there are labels 0 to 1"),
        (("labels",), [], "the list of labels is empty"),
        (("labels",), ["Run", "Run"], "label 'Run' is listed twice"),
        (("labels",), ["Run", "\ud800"], "the label '.*' cannot be printed"),
        (("train_videos", 0), ["Run/a"] * 2, "'Run/a' is listed twice in train of split 1"),
        (("test_videos", 1), ["c"], "video 'c' is in test of split 2 but has no annotation"),
        (("resolution", "Run/a"), (0, 32), "video 'Run/a': 20 frames of 0 x 32 pixels"),
        (("resolution", "Run/a"), (24, 10**6), "20 frames of 24 x 1000000 pixels; there can"),
        (("nframes", "Run/a"), 10**9, "video 'Run/a': 1000000000 frames .* 1 to 10000000 fr"),
    ],
)
def test_a_contradiction_is_told_with_file_and_place(act_data, put, keys, value, problem):
    put(keys, value)
    with pytest.raises(InputError, match=rf"^GT\.pkl: .*{problem}"):
        check_annotations(from_act(act_data), "GT.pkl")


@pytest.mark.parametrize("name", ["../a", "Run/../../a", "/etc/a", "", ".", "Run//a", "Run/\0"])
def test_a_video_name_leads_nowhere_else(act_data, name):
    for key in ("gttubes", "nframes", "resolution"):
        act_data[key][name] = act_data[key].pop("Run/a")
    with pytest.raises(InputError, match="the video name '.*' is no path within the folder"):
        check_annotations(from_act(act_data), "GT.pkl")
