"""The field's annotations: read as they are, written as the field reads them."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.data.act_annotations import from_act, to_act
from stma_d2.errors import InputError
from stma_d2.structures import Split


def test_content_is_read(act_data):
    annotations = from_act(act_data)
    assert annotations.labels == ("Run", "Jump")
    assert annotations.splits == (
        Split(train=("Run/a",), test=("Jump/b",)),
        Split(train=("Jump/b",), test=("Run/a",)),
    )
    video = annotations.videos["Run/a"]
    assert (video.num_frames, video.height, video.width) == (20, 24, 32)
    assert [(tube.label, len(tube), tube.score) for tube in video.tubes] == [(0, 20, 1), (0, 5, 1)]
    tube = video.tubes[1]
    assert (tube.frames.dtype, tube.boxes.dtype) == (np.int64, np.float32)
    assert tube.frames.tolist() == [5, 6, 7, 8, 9]
    assert tube.box_at(5).tolist() == [0.25, 3, 31, 23]


def test_keys_and_names_may_be_bytes(act_data):
    written = {key.encode(): value for key, value in act_data.items()}
    written[b"nframes"] = {key.encode(): value for key, value in act_data["nframes"].items()}
    written[b"labels"] = [b"Run", b"Jump"]
    assert from_act(written).labels == ("Run", "Jump")
    assert from_act(written).videos["Run/a"].num_frames == 20


def test_what_is_written_is_what_the_field_reads(act_data):
    data = to_act(from_act(act_data))
    assert {key: data[key] for key in data if key != "gttubes"} == {
        key: act_data[key] for key in act_data if key != "gttubes"
    }
    (tube,) = data["gttubes"]["Jump/b"][1]
    assert type(tube) is np.ndarray and tube.dtype == np.float32
    np.testing.assert_array_equal(tube, act_data["gttubes"]["Jump/b"][1][0])


A = "video 'Run/a', "


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("gttubes", "Run/a", 0, 1), np.zeros((3, 4)), A + r"label 0, tube 1: .* shape \(3, 4\)"),
        (("gttubes", "Run/a", 0, 1), np.full((3, 5), "1"), A + "label 0, tube 1: .* of numbers"),
        (("gttubes", "Run/a", 0, 1), [[5, 0, 0, 1, 1]], A + "label 0, tube 1: list"),
        (("gttubes", "Run/a", 0, 1), np.full((1, 5), 7.5), A + "label 0, tube 1: frame numbers"),
        (("gttubes", "Run/a", 0, 1), np.full((1, 5), np.nan), A + "label 0, tube 1: frame numbers"),
        (("gttubes", "Run/a", 0), None, A + "label 0 holds None where a list"),
        (("gttubes", "Run/a"), None, A + "gttubes holds no mapping"),
        (("gttubes", "Run/a", 0.9), [], A + "a label in gttubes is 0.9; it must be a whole number"),
        (("gttubes", "Run/a", "Run"), [], A + "a label in gttubes is 'Run'"),
        (("gttubes", b"Run/a"), {}, "gttubes has the key 'Run/a' twice"),
        (("gttubes", 7), {}, "a key of gttubes is a int where text was expected"),
        (("gttubes", "c"), {}, "video 'c' has tubes but no entry in nframes and resolution"),
        (("nframes", "Run/a"), 20.5, A + "nframes is 20.5; it must be a whole number"),
        (("nframes", "Run/a"), True, A + "nframes is True"),
        (("nframes", "Run/a"), 10**30, A + "nframes is beyond 32 bits"),
        (("nframes",), 20, "nframes holds a int where a mapping was expected"),
        (("resolution", "Run/a"), 240, A + "resolution holds a int where a list"),
        (("resolution", "Run/a"), (24,), A + "resolution has 1 numbers"),
        (("resolution", "Run/a"), (24, 31.5), A + "resolution is 31.5"),
        (("labels",), "Run", "labels holds 'Run' where a list was expected"),
        (("labels",), [1], "an item of labels is a int where text was expected"),
        (("train_videos",), ["Run/a"] * 2, "train_videos of split 1 holds 'Run/a' where a list"),
        (("train_videos",), [["Run/a"]], "train_videos has 1 splits, test_videos has 2"),
    ],
)
def test_wrong_value_is_one_error_that_names_its_place(act_data, put, keys, value, message):
    put(keys, value)
    with pytest.raises(InputError, match=f"^{message}"):
        from_act(act_data)


def test_missing_keys_are_named(act_data):
    del act_data["gttubes"], act_data["resolution"]
    with pytest.raises(InputError, match="the pickle lacks 'gttubes', 'resolution'"):
        from_act(act_data)
    with pytest.raises(InputError, match="the pickle holds a list where a mapping was expected"):
        from_act([1, 2])
