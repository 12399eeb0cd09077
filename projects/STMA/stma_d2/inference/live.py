"""Drawing tubes while the frames come: from a camera, or a video taken as if it were one."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from threading import Event

import cv2
import numpy as np

from ..data.readers import TimedFrame
from ..errors import InputError
from ..linking import suppress_by_class
from ..structures import Tube
from ..visualization.tubes import TRAIL_FRAMES, ColorBy, draw_tubes
from .selection import Selection
from .stream import StreamPredictor, StreamStep

WINDOW_TITLE = "STMA (q ends)"


class LiveDrawing:
    """Pushes frames through a predictor and draws the tubes that are alive on each.

    Attributes:
        tubes: the tubes so far that scored enough, whole, in the order in which they ended. All
            there once the frames are used up; nothing suppressed.
    """

    def __init__(
        self,
        predictor: StreamPredictor,
        labels: Sequence[str],
        selection: Selection,
        nms_iou: float,
        color_by: ColorBy = "class",
    ) -> None:
        """Prepare to draw.

        Args:
            predictor: at the start of a stream.
            labels: class names.
            selection: of the tubes that are drawn and kept.
            nms_iou: of two live tubes of a class that overlap by more, only the better is drawn.
            color_by: see `draw_tubes`; "actor" writes the live tubes' ids too.
        """
        self.tubes: list[Tube] = []
        self._predictor = predictor
        self._labels = labels
        self._selection = selection
        self._color_by = color_by
        self._nms_iou = nms_iou
        self._trails: dict[int, deque[np.ndarray]] = {}  # last boxes of the live tubes, by id

    def __call__(self, frames: Iterable[TimedFrame]) -> Iterator[TimedFrame]:
        """Draw frame after frame, each as soon as it comes.

        Yields:
            What `draw_tubes` makes of it, at the same time.

        Raises:
            InputError: if no frame comes.
        """
        number = 0
        for number, frame in enumerate(frames, start=1):
            step = self._predictor.push(frame.pixels)
            self.tubes += self._selection.final(step.ended)
            yield frame._replace(pixels=self._draw(frame.pixels, number, step))
        if not number:
            raise InputError("the input gives no frame")
        self.tubes += self._selection.final(self._predictor.finish())

    def _draw(self, pixels: np.ndarray, number: int, step: StreamStep) -> np.ndarray:
        trailing = self._trailing(step)
        live = suppress_by_class(list(trailing.values()), self._nms_iou)
        ids = None
        if self._color_by == "actor":
            id_of = {id(tube): number for number, tube in trailing.items()}
            ids = [id_of[id(tube)] + 1 for tube in live]
        return draw_tubes(pixels, number, live, self._labels, ids, self._color_by)

    def _trailing(self, step: StreamStep) -> dict[int, Tube]:
        """The good tubes that reached this frame, each with the last boxes that we saw of it."""
        number = step.frame_number
        now = [tube for tube in self._selection.good(step.live) if tube.last_frame == number]
        # A tube that was not seen for a while begins a new trail.
        self._trails = {
            tube.id: self._trails.get(tube.id, deque(maxlen=TRAIL_FRAMES + 1)) for tube in now
        }
        tubes = {}
        for tube in now:
            trail = self._trails[tube.id]
            trail.append(tube.box)
            frames = np.arange(number + 1 - len(trail), number + 1)
            tubes[tube.id] = Tube(frames, np.stack(trail), tube.label, tube.score)
        return tubes


def shown(frames: Iterable[TimedFrame], stop: Event) -> Iterator[TimedFrame]:
    """Show each frame in a window before it goes on; the key q sets ``stop``.

    Raises:
        InputError: if this session has no screen or this OpenCV no windows.
    """
    _open_window()
    for frame in frames:
        cv2.imshow(WINDOW_TITLE, frame.pixels)
        if cv2.waitKey(1) & 0xFF == ord("q"):
            stop.set()
        yield frame
    cv2.destroyAllWindows()


def _open_window() -> None:
    # OpenCV's Qt ends the whole process where it finds no screen.
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        raise InputError("--show: this session has no screen (DISPLAY is not set)")
    try:
        cv2.namedWindow(WINDOW_TITLE)
    except cv2.error as error:
        raise InputError(
            "--show: this OpenCV has no windows (opencv-python-headless is built without); install "
            "opencv-python in its place"
        ) from error
