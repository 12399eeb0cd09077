"""Videos inside a page: small pictures of their frames, and tubes to draw over them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from ..data.readers import DEFAULT_FPS, open_frames
from ..errors import InputError
from ..structures import Tube, VideoAnnotation

_MAX_FRAMES = 150  # shown of a video, evenly spaced
_MAX_WIDTH = 320  # pixels
# Tried in turn, until a video fits its share of the page: JPEG quality, and how many of the frames.
_TRIALS = ((75, 1), (50, 1), (50, 2), (40, 4), (40, 8), (30, 16))
_MAX_TUBES = 12
_LEAST_SCORE = 0.05


def player_record(
    name: str,
    annotation: VideoAnnotation,
    labels: Sequence[str],
    found: Sequence[Tube],
    frames: str | None,
    max_bytes: int,
) -> dict[str, Any]:
    """All that the page's player needs of one video, as plain values for JSON.

    Args:
        name: of the video.
        annotation: its size and true tubes.
        labels: class names.
        found: tubes of the detector; the 12 best that score 0.05 or more are shown.
        frames: folder or file, see `open_frames`; None where there is none.
        max_bytes: that the pictures may take, as they stand in the page.

    Returns:
        name, width and height in pixels, num_frames, ``numbers`` of the shown frames, ``pictures``
        (data URIs, one a number, or none), ``problem`` (why there are none, or ""),
        ``milliseconds`` from one shown frame to the next, ``least_score`` of the tubes that were
        found and are shown, and ``tubes``: dicts of ``kind`` ("truth"
        or "found"), ``label``, ``score`` (None for truth), ``first`` and ``last`` frame, and
        ``boxes``, one a shown frame, None where the tube is not on it.
    """
    step = -(-annotation.num_frames // _MAX_FRAMES)
    pictures, problem = [], ""
    try:
        if frames is None:
            raise InputError("neither a folder of frames nor a video file was found")
        step, pictures = _pictures(frames, annotation, step, max_bytes)
    except (InputError, OSError) as error:
        problem = str(error)
    numbers = range(1, annotation.num_frames + 1, step)
    best = sorted(found, key=lambda tube: -tube.score)[:_MAX_TUBES]
    shown = [("truth", tube) for tube in annotation.tubes]
    shown += [("found", tube) for tube in best if tube.score >= _LEAST_SCORE]
    return {
        "name": name,
        "width": annotation.width,
        "height": annotation.height,
        "num_frames": annotation.num_frames,
        "numbers": list(numbers),
        "pictures": pictures,
        "problem": problem,
        "least_score": _LEAST_SCORE,
        "milliseconds": round(1000 * step / DEFAULT_FPS),
        "tubes": [_tube_record(kind, tube, labels, numbers) for kind, tube in shown],
    }


def _tube_record(kind: str, tube: Tube, labels: Sequence[str], numbers: range) -> dict[str, Any]:
    boxes = [tube.box_at(number) for number in numbers]
    return {
        "kind": kind,
        "label": labels[tube.label],
        "score": round(float(tube.score), 3) if kind == "found" else None,
        "first": int(tube.frames[0]),
        "last": int(tube.frames[-1]),
        "boxes": [None if b is None else [round(float(v), 1) for v in b] for b in boxes],
    }


def _pictures(
    frames: str, annotation: VideoAnnotation, step: int, max_bytes: int
) -> tuple[int, list[str]]:
    """The n of every n-th frame that is shown, and these as data URIs of ``max_bytes`` together.

    Raises:
        InputError: if a frame cannot be read, or even the fewest frames take more.
    """
    small = list(_small_frames(frames, annotation, step))
    for quality, thinning in _TRIALS:
        uris = [_data_uri(frame, quality) for frame in small[::thinning]]
        if sum(map(len, uris)) <= max_bytes:
            return step * thinning, uris
    raise InputError(f"{frames}: its frames take more room than the page has")


def _small_frames(frames: str, annotation: VideoAnnotation, step: int) -> Iterator[np.ndarray]:
    size = annotation.height, annotation.width
    reader = open_frames(frames, size)
    scale = min(1.0, _MAX_WIDTH / annotation.width)
    shown = max(1, round(annotation.width * scale)), max(1, round(annotation.height * scale))
    for number in range(1, annotation.num_frames + 1, step):
        (frame,) = reader.read([number])
        yield cv2.resize(frame, shown, interpolation=cv2.INTER_AREA)


def _data_uri(frame: np.ndarray, quality: int) -> str:
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
