"""Tables of tubes."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest

from stma_d2.data.formats import FormatSettings, Report, read_path
from stma_d2.inference.records import (
    COLUMNS,
    video_record,
    write_csv,
    write_cvat_xml,
    write_tubes,
)
from stma_d2.structures import Tube

LABELS = ["run", 'jump, "high"', "Прыжок"]


@pytest.fixture
def videos():
    """One video of uneven times, with two tubes; one without."""
    boxes = np.array([[1, 2, 3, 4], [5.126, 6, 7, 8]], np.float32)
    tubes = [Tube(np.array([2, 3]), boxes, 1, 0.75), Tube(np.array([1]), boxes[:1], 2, 0.5)]
    times = np.array([0.0, 0.1, 0.5, 1.0])
    return [
        video_record("clips/a b.mp4", (48, 64), times, LABELS, tubes),
        video_record("б.mp4", (24, 32), np.array([0, 0.04]), LABELS, []),
    ]


def test_json_has_what_was_found_and_when(videos, tmp_path):
    write_tubes(tmp_path / "new" / "o.json", videos, LABELS)
    content = json.loads((tmp_path / "new" / "o.json").read_text(encoding="utf-8"))
    assert content["labels"] == LABELS
    first, second = content["videos"]
    assert first.pop("tubes") == [
        {
            "id": 1,
            "label": 'jump, "high"',
            "class": 1,
            "score": 0.75,
            "start_seconds": 0.1,
            "end_seconds": 1.0,
            "frames": [2, 3],
            "seconds": [0.1, 0.5],
            "boxes": [[1, 2, 3, 4], [5.13, 6, 7, 8]],
        },
        {
            "id": 2,
            "label": "Прыжок",
            "class": 2,
            "score": 0.5,
            "start_seconds": 0.0,
            "end_seconds": 0.1,
            "frames": [1],
            "seconds": [0.0],
            "boxes": [[1, 2, 3, 4]],
        },
    ]
    assert first == {
        "video": "clips/a b.mp4",
        "width": 64,
        "height": 48,
        "num_frames": 3,
        "duration_seconds": 1.0,
    }
    assert second["tubes"] == [] and second["num_frames"] == 1


def test_csv_has_a_line_a_box(videos, tmp_path):
    write_csv(tmp_path / "o.csv", videos, LABELS)
    with open(tmp_path / "o.csv", newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == COLUMNS
    assert rows == [
        ["clips/a b.mp4", "1", 'jump, "high"', "0.75", "2", "0.1", "1.0", "2.0", "3.0", "4.0"],
        ["clips/a b.mp4", "1", 'jump, "high"', "0.75", "3", "0.5", "5.13", "6.0", "7.0", "8.0"],
        ["clips/a b.mp4", "2", "Прыжок", "0.5", "1", "0.0", "1.0", "2.0", "3.0", "4.0"],
    ]


def test_cvat_gets_a_video_with_its_tubes_and_their_scores(videos, tmp_path):
    path = tmp_path / "o.xml"
    write_cvat_xml(path, videos[:1], LABELS)
    (reading,) = read_path(str(path), FormatSettings(), Report())
    (video,) = reading.videos
    assert (video.name, video.num_frames, video.height, video.width) == ("a b", 3, 48, 64)
    assert list(reading.labels) == LABELS
    first, second = video.tracks
    assert (first.label, first.frames.tolist()) == (LABELS[1], [2, 3])
    np.testing.assert_allclose(first.boxes, [[1, 2, 3, 4], [5.13, 6, 7, 8]], atol=1e-6)
    assert (second.label, second.frames.tolist()) == (LABELS[2], [1])
    scores = re.findall(r'<attribute name="score">(.*?)</attribute>', path.read_text())
    assert sorted(set(scores)) == ["0.5000", "0.7500"]
