"""What was found in a video, and its forms: text, table, drawn video."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import FrameReader, open_frames
from ..errors import InputError
from ..files import check_output
from ..structures import Tube
from ..visualization import draw_tubes, write_timed_video


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
        source: the video: a path, or a reader of frames in memory.
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

    def to_json(self) -> str:
        """The result as JSON text.

        Keys: ``video``, ``width``, ``height``, ``num_frames``, ``duration_seconds``, and ``tubes``:
        each with ``id`` (from 1), ``label`` (the name), ``class`` (its number), ``score``,
        ``start_seconds``, ``end_seconds``, and for each of its frames the number (from 1) in
        ``frames``, the time in ``seconds``, and [x1, y1, x2, y2] in ``boxes``.
        """
        tubes = [
            {
                "id": number,
                "label": tube.name,
                "class": tube.label,
                "score": round(tube.score, 5),
                "start_seconds": _seconds(tube.start_seconds),
                "end_seconds": _seconds(tube.end_seconds),
                "frames": tube.frames.tolist(),
                "seconds": [_seconds(time) for time in self.times[tube.frames - 1]],
                "boxes": [[round(float(value), 2) for value in box] for box in tube.boxes],
            }
            for number, tube in enumerate(self.tubes, start=1)
        ]
        content = {
            "video": self._name,
            "width": self.width,
            "height": self.height,
            "num_frames": len(self.times) - 1,
            "duration_seconds": _seconds(self.times[-1]),
            "tubes": tubes,
        }
        return json.dumps(content, ensure_ascii=False, allow_nan=False)

    def to_dataframe(self) -> Any:
        """The result as a pandas data frame, one row a box.

        Columns: ``video``, ``tube_id``, ``label``, ``score``, ``frame``, ``seconds``, ``x1``,
        ``y1``, ``x2``, ``y2``, with the values of `to_json`.

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
        content = json.loads(self.to_json())
        rows = [
            (content["video"], tube["id"], tube["label"], tube["score"], frame, seconds, *box)
            for tube in content["tubes"]
            for frame, seconds, box in zip(
                tube["frames"], tube["seconds"], tube["boxes"], strict=True
            )
        ]
        columns = "video tube_id label score frame seconds x1 y1 x2 y2".split()
        return pandas.DataFrame(rows, columns=columns)

    def draw(
        self,
        path: str | os.PathLike[str],
        progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    ) -> None:
        """Draw the tubes into an H.264 file that lasts as long as the video and plays in browsers.

        Args:
            path: of the file, which ends in .mp4; written whole or not at all.
            progress: wraps the frames, for example ``tqdm.tqdm``.

        Raises:
            InputError: if the file cannot be written or is the video itself, or the video is gone.
        """
        check_video_output(path, self.source)
        frames = open_frames(self.source, conceal_damage=True).timed()
        write_timed_video(
            path,
            (
                frame._replace(pixels=draw_tubes(frame.pixels, number, self.tubes, self.labels))
                for number, frame in enumerate(progress(frames), start=1)
            ),
        )

    @property
    def _name(self) -> str:
        return self.source if isinstance(self.source, str) else self.source.path


def _seconds(time: float) -> float:
    return round(float(time), 4)


def check_video_output(path: str | os.PathLike[str], source: str | FrameReader) -> None:
    """Refuse a file that a drawn video cannot be written to.

    Raises:
        InputError: if its name does not end in .mp4, or see `check_output`.
    """
    if not os.fspath(path).lower().endswith(".mp4"):
        raise InputError(
            f"the output {os.fspath(path)} must end in .mp4; no other format is written"
        )
    check_output(path, *([source] if isinstance(source, str) else []))
