from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from stma_d2.structures import Tube, VideoAnnotation
from stma_d2.visualization.player import player_record

LABELS = ["Run", "Jump"]


def tube(first, last, label=0, score=1.0):
    frames = np.arange(first, last + 1)
    boxes = np.stack([frames, frames, frames + 10.04, frames + 10], axis=1)
    return Tube(frames, boxes.astype(np.float32), label, score)


@pytest.fixture
def write_frames(tmp_path):
    def write(count, height, width, noise=False):
        generator = np.random.default_rng(0)
        for number in range(1, count + 1):
            picture = np.full((height, width, 3), number % 250, np.uint8)
            if noise:
                picture = generator.integers(0, 255, picture.shape, np.uint8)
            cv2.imwrite(str(tmp_path / f"{number:05d}.png"), picture)
        return str(tmp_path)

    return write


def decoded(uri):
    start = "data:image/jpeg;base64,"
    assert uri.startswith(start)
    return cv2.imdecode(np.frombuffer(base64.b64decode(uri[len(start) :]), np.uint8), -1)


def test_a_short_video_is_shown_whole(write_frames):
    frames = write_frames(4, 24, 32)
    annotation = VideoAnnotation(4, 24, 32, (tube(2, 3),))
    found = [tube(1, 2, 1, 0.3), tube(3, 4, 0, 0.7), tube(1, 4, 0, 0.04)]
    record = player_record("a", annotation, LABELS, found, frames, 100_000)
    assert record["numbers"] == [1, 2, 3, 4] and record["problem"] == ""
    assert [decoded(uri).shape for uri in record["pictures"]] == [(24, 32, 3)] * 4
    assert [int(decoded(uri).mean()) for uri in record["pictures"]] == [1, 2, 3, 4]
    assert [(t["kind"], t["label"], t["score"]) for t in record["tubes"]] == [
        ("truth", "Run", None),
        ("found", "Run", 0.7),
        ("found", "Jump", 0.3),  # the weakest is left out
    ]
    truth = record["tubes"][0]
    assert (truth["first"], truth["last"]) == (2, 3)
    assert truth["boxes"] == [None, [2, 2, 12, 12], [3, 3, 13, 13], None]


def test_a_long_video_is_thinned_out_and_made_smaller(write_frames):
    """400 frames: every third, 134 of them, of 640 x 48 pixels made 320 x 24."""
    frames = write_frames(400, 48, 640)
    record = player_record(
        "a", VideoAnnotation(400, 48, 640, (tube(4, 9),)), LABELS, [], frames, 10**6
    )
    assert record["numbers"] == list(range(1, 401, 3))
    assert record["milliseconds"] == 120
    assert decoded(record["pictures"][0]).shape == (24, 320, 3)
    assert [i for i, box in enumerate(record["tubes"][0]["boxes"]) if box] == [1, 2]  # frames 4, 7


def test_pictures_take_no_more_than_their_room(write_frames):
    """Noise, which JPEG hardly makes smaller."""
    frames = write_frames(40, 120, 160, noise=True)
    annotation = VideoAnnotation(40, 120, 160, ())
    whole = player_record("a", annotation, LABELS, [], frames, 10**7)
    size = sum(map(len, whole["pictures"]))
    tight = player_record("a", annotation, LABELS, [], frames, size // 3)
    assert sum(map(len, tight["pictures"])) <= size // 3
    assert len(tight["pictures"]) == len(tight["numbers"]) < 40
    none = player_record("a", annotation, LABELS, [], frames, 1000)
    assert none["pictures"] == [] and "more room" in none["problem"]
    assert none["numbers"] == list(range(1, 41))


@pytest.mark.parametrize("missing", ["all", "the third"])
def test_without_frames_boxes_stay_and_the_reason_is_told(write_frames, tmp_path, missing):
    frames = write_frames(4, 24, 32) if missing == "the third" else None
    if frames:
        (tmp_path / "00003.png").unlink()
    annotation = VideoAnnotation(4, 24, 32, (tube(2, 3),))
    record = player_record("a", annotation, LABELS, [], frames, 100_000)
    assert record["pictures"] == []
    assert ("frame 3 is missing" if frames else "neither a folder") in record["problem"]
    assert record["tubes"][0]["boxes"][1] == [2, 2, 12, 12]
