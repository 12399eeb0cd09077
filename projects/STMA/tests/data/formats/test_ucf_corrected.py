"""The corrected UCF101-24 annotations become the boxes that ACT's pickle has."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from stma_d2.data.formats.ucf_corrected import read_ucf_corrected
from stma_d2.errors import InputError

BOXES = np.array([[1, 1, 320, 240], [189, 102, 48, 79]], np.int16)
NAME = "Biking/v_Biking_g01_c01"
DATA = {
    NAME: {
        "numf": 20,
        "label": 2,
        "annotations": [{"label": 2, "sf": 8, "ef": 10, "boxes": BOXES}],
    }
}


def test_content_is_read_as_documented(report):
    reading = read_ucf_corrected(DATA, "f.pkl", report)
    assert len(reading.labels) == 24
    (video,) = reading.videos
    assert (video.name, video.num_frames, video.height, video.width) == (NAME, 20, 240, 320)
    (track,) = video.tracks
    # Frame 8 of those counted from 0 is our 9, 10 is the end. Pixels 1 to 320 are 0 to 319.
    assert (track.label, track.frames.tolist()) == ("Biking", [9, 10])
    assert track.boxes.tolist() == [[0, 0, 319, 239], [188, 101, 235, 179]]


def test_a_tube_with_another_number_of_boxes_is_left_out(report):
    data = copy.deepcopy(DATA)
    data[NAME]["annotations"][0]["ef"] = 11
    assert not read_ucf_corrected(data, "f.pkl", report).videos[0].tracks
    (reason,) = report.dropped
    assert "number of boxes" in reason and report.dropped[reason] == [f"{NAME}: tube 0"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("label", 24, "label is 24; there are 0 to 23"),
        ("sf", 1.5, "sf is 1.5; it must be a whole number"),
        ("boxes", [[1, 2, 3, 4]], "boxes are no array"),
        ("boxes", np.zeros((2, 5)), "boxes are no array"),
        ("boxes", np.array([["a"] * 4] * 2), "boxes are no array"),
    ],
)
def test_wrong_values_are_named_with_their_place(report, key, value, message):
    data = copy.deepcopy(DATA)
    data[NAME]["annotations"][0][key] = value
    with pytest.raises(InputError, match=f"^f.pkl: video '{NAME}', tube 0.*{message}"):
        read_ucf_corrected(data, "f.pkl", report)


@pytest.mark.parametrize("data", [[], {"a": []}, {"a": {"numf": 3}}, {3: {}}])
def test_other_pickles_are_refused(report, data):
    with pytest.raises(InputError, match=r"f\.pkl"):
        read_ucf_corrected(data, "f.pkl", report)
