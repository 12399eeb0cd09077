"""Drawing while frames come."""

from __future__ import annotations

from threading import Event

import cv2
import numpy as np
import pytest

from stma_d2.data.readers import TimedFrame
from stma_d2.errors import InputError
from stma_d2.inference import StreamStep
from stma_d2.inference.live import LiveDrawing, shown
from stma_d2.inference.selection import Selection
from stma_d2.linking import LiveTube
from stma_d2.structures import Tube

FRAME = TimedFrame(np.zeros((400, 400, 3), np.uint8), 0.0, 0.04)


def live(number, score=0.9, x=50, id=0):
    box = np.array([x, 50, x + 99, 149], np.float32)
    return LiveTube(id, 0, score, first_frame=1, last_frame=number, box=box)


def tube(score):
    return Tube(np.arange(1, 4), np.zeros((3, 4), np.float32), 0, score)


class ScriptedPredictor:
    """Gives prepared steps."""

    def __init__(self, steps, last=()):
        self.steps, self.last = iter(steps), list(last)

    def push(self, frame):
        return next(self.steps)

    def finish(self):
        return self.last


def draw(steps, last=()):
    drawing = LiveDrawing(ScriptedPredictor(steps, last), ["run"], Selection([0.5]), nms_iou=0.3)
    return drawing, [frame.pixels for frame in drawing([FRAME] * len(steps))]


def changed(pictures):
    """Which pictures show more than the black frame."""
    return [bool(picture.any()) for picture in pictures]


def test_good_tubes_that_reach_the_frame_are_drawn():
    steps = [
        StreamStep(1),
        StreamStep(2, live=[live(2)]),
        StreamStep(3, live=[live(3, score=0.4)]),  # too weak
        StreamStep(4, live=[live(3)]),  # not seen on this frame
    ]
    assert changed(draw(steps)[1]) == [False, True, False, False]


def test_drawn_frames_keep_their_times():
    steps = [StreamStep(1), StreamStep(2)]
    drawing = LiveDrawing(ScriptedPredictor(steps), ["run"], Selection([0.5]), nms_iou=0.3)
    drawn = drawing([FRAME, FRAME._replace(time=3.5, duration=0.1)])
    assert [frame[1:] for frame in drawn] == [(0.0, 0.04), (3.5, 0.1)]


def test_the_trail_shows_where_the_box_was():
    """The center moves from x = 100 to x = 300; half-way lies nothing but the trail."""
    steps = [StreamStep(1, live=[live(1, x=50)]), StreamStep(2, live=[live(2, x=250)])]
    (_, moved) = draw(steps)[1]
    assert moved[95:105, 195:205].any()
    (only,) = draw([StreamStep(1, live=[live(1, x=250)])])[1]
    assert not only[95:105, 195:205].any()


def test_a_tube_that_was_away_begins_a_new_trail():
    steps = [
        StreamStep(1, live=[live(1, x=50)]),
        StreamStep(2, live=[live(1, x=50)]),
        StreamStep(3, live=[live(3, x=250)]),
    ]
    assert not draw(steps)[1][2][95:105, 195:205].any()


def test_of_tubes_on_one_actor_the_best_is_drawn():
    alone = draw([StreamStep(1, live=[live(1)])])[1][0]
    both = draw([StreamStep(1, live=[live(1, score=0.8, x=60, id=1), live(1)])])[1][0]
    assert np.array_equal(alone, both)


def test_good_tubes_are_kept():
    steps = [StreamStep(1, ended=[tube(0.6), tube(0.3)]), StreamStep(2)]
    drawing, _ = draw(steps, last=[tube(0.7), tube(0.1)])
    assert [kept.score for kept in drawing.tubes] == [0.6, 0.7]


def test_no_frame_at_all_is_refused():
    with pytest.raises(InputError, match="no frame"):
        draw([])


def test_without_screen_the_window_is_refused(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="no screen"):
        list(shown([FRAME], Event()))


def test_an_opencv_without_windows_is_named(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")

    def without_windows(title):
        raise cv2.error("The function is not implemented")

    monkeypatch.setattr(cv2, "namedWindow", without_windows)
    with pytest.raises(InputError, match="opencv-python-headless"):
        list(shown([FRAME], Event()))


def test_pictures_are_shown_until_q(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    seen, keys, stop = [], iter([-1, ord("q")]), Event()
    for name in ("namedWindow", "destroyAllWindows"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: seen.append(picture[0, 0, 0]))
    monkeypatch.setattr(cv2, "waitKey", lambda _: next(keys))
    pictures = shown((FRAME._replace(pixels=FRAME.pixels + i) for i in range(5)), stop)
    next(pictures)
    assert not stop.is_set()
    next(pictures)
    assert stop.is_set() and seen == [0, 1]
