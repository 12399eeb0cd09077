"""What was found in a video, and its forms: text, table, drawing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..data import FrameReader, open_frames
from ..data.readers import TimedFrame
from ..errors import InputError
from ..structures import Tube
from ..visualization import ColorBy, at_rate, draw_tubes, drawable_labels
from .outputs import DRAWINGS, plan_drawing
from .records import COLUMNS, json_text, record_rows, video_record
from .sources import shown_name

GIF_FPS = 10.0  # at most, where nothing else is asked for: GIF files grow large


class _NumberedFrame(NamedTuple):
    """A `TimedFrame` that knows which it is."""

    pixels: np.ndarray
    time: float
    duration: float
    number: int


@dataclass(frozen=True)
class DetectedTube(Tube):
    """A tube with its class name and its time in the video.

    Attributes:
        name: of the class.
        start_seconds: when its first frame is shown, from the video's first frame on.
        end_seconds: when its last frame ends.
    """

    name: str = ""
    start_seconds: float = 0.0
    end_seconds: float = 0.0


@dataclass(frozen=True)
class VideoResult:
    """The tubes of one video.

    Attributes:
        source: the video: a path, a reader of frames in memory, or the name of a live stream.
        height: of the video, in pixels.
        width: of the video, in pixels.
        times: (frames + 1,) float64 seconds from the first frame on: when each frame appears, and
            when the last one ends.
        labels: class names; a tube's label is a position here.
        tubes: best first; boxes in the video's own pixels.
    """

    source: str | FrameReader
    height: int
    width: int
    times: np.ndarray
    labels: tuple[str, ...]
    tubes: list[DetectedTube]

    @classmethod
    def of(
        cls,
        source: str | FrameReader,
        size: tuple[int, int],
        times: np.ndarray,
        labels: Sequence[str],
        tubes: Iterable[Tube],
    ) -> VideoResult:
        """Name and time tubes.

        Args:
            source: the video.
            size: its height and width.
            times: as `FrameReader.times` gives them.
            labels: class names.
            tubes: in any order.
        """
        times = times - times[0]
        named = [
            DetectedTube(
                **vars(tube),
                name=labels[tube.label],
                start_seconds=float(times[tube.frames[0] - 1]),
                end_seconds=float(times[tube.frames[-1]]),
            )
            for tube in sorted(tubes, key=lambda tube: -tube.score)
        ]
        return cls(source, *size, times, tuple(labels), named)

    def record(self) -> dict[str, Any]:
        """The result as plain values, see `video_record`."""
        size = self.height, self.width
        return video_record(self.name, size, self.times, self.labels, self.tubes)

    def to_json(self) -> str:
        """The result as JSON text; the keys are those of `video_record`."""
        return json_text(self.record())

    def to_dataframe(self) -> Any:
        """The result as a pandas data frame, one row a box.

        Columns: those of `COLUMNS`, as in a CSV file, with the values of `to_json`.

        Raises:
            InputError: if pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise InputError(
                "to_dataframe needs pandas, which is not installed: pip install pandas (to_json "
                "needs nothing)"
            ) from error
        return pandas.DataFrame(list(record_rows(self.record())), columns=COLUMNS)

    def draw(
        self,
        path: str | os.PathLike[str],
        progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
        *,
        fps: float | None = None,
        color_by: ColorBy = "class",
    ) -> None:
        """Draw the tubes into a file that lasts as long as the video.

        Args:
            path: an H.264 file that plays in browsers (.mp4), a .gif, or a new folder of pictures
                (no ending); a file is written whole or not at all.
            progress: wraps the frames, for example ``tqdm.tqdm``.
            fps: frames a second; None: those of the video, of a GIF at most `GIF_FPS`.
            color_by: "class", or "actor": a color for each tube, and its number before its label.

        Raises:
            InputError: if the output cannot be written or is the video itself, or the video is
                gone.
        """
        output = plan_drawing(path, *([self.source] if isinstance(self.source, str) else []))
        if output.ending == ".gif" and fps is None:
            fps = min(GIF_FPS, (len(self.times) - 1) / self.times[-1])
        labels = drawable_labels(self.labels)
        ids = range(1, len(self.tubes) + 1) if color_by == "actor" else None
        frames = progress(self._frames())
        drawn = (
            TimedFrame(
                draw_tubes(frame.pixels, frame.number, self.tubes, labels, ids, color_by),
                frame.time,
                frame.duration,
            )
            for frame in (at_rate(frames, fps) if fps else frames)
        )
        DRAWINGS[output.ending](output.path, drawn)

    def _frames(self) -> Iterator[_NumberedFrame]:
        """The video's frames at the result's times."""
        frames = open_frames(self.source, conceal_damage=True)
        spans = pairwise(self.times.tolist())
        for number, (pixels, (start, end)) in enumerate(zip(frames, spans, strict=False), start=1):
            yield _NumberedFrame(pixels, start, end - start, number)

    @property
    def name(self) -> str:
        """What the result is told of: the source's path, or an address without a password."""
        return shown_name(self.source) if isinstance(self.source, str) else self.source.path
