"""Files, folders and cameras as sources of frames."""

from __future__ import annotations

import os
import signal
from threading import Event

import cv2
import numpy as np
import pytest

from stma_d2.errors import InputError
from stma_d2.inference.sources import is_camera, opened_source, set_by_interrupt, until


class FakeCamera:
    """Gives three frames."""

    def __init__(self, number):
        self.number, self.left, self.released = number, 3, False

    def isOpened(self):
        return self.number == 2

    def get(self, key):
        return 30.0 if key == cv2.CAP_PROP_FPS else 0.0

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((4, 6, 3), max(self.left, 0), np.uint8)

    def release(self):
        self.released = True


@pytest.fixture
def cameras(monkeypatch):
    """Camera 2 is there, no other; what was opened."""
    opened = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda n: opened.append(FakeCamera(n)) or opened[-1])
    return opened


def test_a_number_is_a_camera_unless_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_camera("0") and is_camera("12")
    assert not is_camera("0.mp4") and not is_camera("-1")
    (tmp_path / "0").mkdir()
    assert not is_camera("0")


def test_a_camera_gives_its_frames_when_they_come_and_is_released(cameras, monkeypatch):
    clock = iter([100.0, 100.5, 103.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with opened_source("2") as frames:
        came = [(int(pixels[0, 0, 0]), time, duration) for pixels, time, duration in frames]
    assert came == [(2, 100.0, 1 / 30), (1, 100.5, 1 / 30), (0, 103.0, 1 / 30)]
    assert cameras[0].released


def test_a_camera_that_does_not_open_is_named(cameras):
    with pytest.raises(InputError, match="cannot open camera 7"), opened_source("7"):
        pass
    assert cameras[0].released


def test_a_folder_has_the_usual_rate(tmp_path):
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"0000{number}.png"), np.zeros((4, 6, 3), np.uint8))
    with opened_source(str(tmp_path)) as frames:
        assert [(time, duration) for _, time, duration in frames] == [(0, 0.04), (0.04, 0.04)]


def test_frames_end_when_told():
    stop, seen = Event(), []
    for frame in until(stop, [1, 2, 3, 4]):
        seen.append(frame)
        if frame == 2:
            stop.set()
    assert seen == [1, 2]


def test_ctrl_c_ends_the_frames_and_not_the_program():
    stop, before = Event(), signal.getsignal(signal.SIGINT)
    with set_by_interrupt(stop):
        os.kill(os.getpid(), signal.SIGINT)
        assert list(until(stop, [1, 2])) == []
    assert signal.getsignal(signal.SIGINT) is before
