"""Detections on disk, so that they can be scored again without the model.

One ``.npz`` file of plain arrays, no pickles. Letters: V videos, W windows of all videos together,
M tubelets of all windows together, K frames, C classes.

======================  ================  =========================================================
``videos``              (V,) text         names, ascending
``num_windows``         (V,) int64        windows of each video
``num_slots``           (V,) int64        tubelets of each of its windows
``windows``             (W,) int64        1-based first frames, video after video
``boxes``               (M, K, 4) float32 x1, y1, x2, y2, the video's pixels, window after window
``scores``              (M, C) float32    per class; 0 means "no detection of this class"
``labels``              (C,) text         class names; may be missing
``protocol``            text              the rules that they were scored by; may be missing, as the
``min_tubelet_score``   float64           rules beside it, see ``get_protocol``
``trim_to_key_frames``  bool
``trim_below_median``   float64
``min_tube_length``     int64
======================  ================  =========================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..files import atomic_write
from ..safe_arrays import DAMAGE, read_arrays
from ..structures import Tubelets
from .protocols import Protocol, get_protocol


@dataclass(frozen=True)
class SavedDetections:
    """What a file of detections says.

    Attributes:
        tubelets: arrays, by video.
        labels: class names; None where the file does not say.
        protocol: by which they were scored; None where the file does not say.
    """

    tubelets: dict[str, Tubelets]
    labels: tuple[str, ...] | None
    protocol: Protocol | None


def save_detections(
    path: str | os.PathLike[str],
    detections: Mapping[str, Tubelets],
    labels: Sequence[str] | None = None,
    protocol: Protocol | None = None,
) -> None:
    """Write detections whole or not at all.

    Args:
        path: of the file.
        detections: tubelets by video.
        labels: class names.
        protocol: to score them by.

    Raises:
        InputError: if the videos differ in the number of frames of a tubelet or of classes.
    """
    names = sorted(detections)
    shapes = {(d.num_frames, d.num_classes): name for name, d in detections.items()}
    if len(shapes) > 1:
        listed = ", ".join(f"K = {k} and {c} classes in {v}" for (k, c), v in shapes.items())
        raise InputError(f"the detections of all videos must have one K and one C, not {listed}")
    length, classes = next(iter(shapes), (0, 0))
    tubelets = [detections[name] for name in names]
    said = {} if labels is None else {"labels": np.array(labels, np.str_)}
    if protocol is not None:
        said |= {"protocol": np.array(protocol.name)}
        said |= {name: np.array(value) for name, value in protocol.options.items()}
    with atomic_write(path) as file:
        np.savez(
            file,
            videos=np.array(names, np.str_),
            num_windows=np.array([len(t.windows) for t in tubelets], np.int64),
            num_slots=np.array([t.boxes.shape[1] for t in tubelets], np.int64),
            windows=np.concatenate([np.empty(0, np.int64), *(t.windows for t in tubelets)]),
            boxes=_stacked([t.boxes for t in tubelets], (length, 4)),
            scores=_stacked([t.scores for t in tubelets], (classes,)),
            **said,
        )


def _stacked(arrays: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Arrays (W, N, *shape) as one (M, *shape)."""
    flat = [array.reshape(-1, *shape) for array in arrays]
    return np.concatenate([np.empty((0, *shape), np.float32), *flat])


def load_detections(path: str | os.PathLike[str]) -> SavedDetections:
    """Read what :func:`save_detections` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if it is damaged or something else.
    """
    source = os.fspath(path)
    try:
        arrays = read_arrays(path, _MAX_EXPANSION * os.path.getsize(path))
        return SavedDetections(
            _unpack(*(_array(arrays, key) for key in _KINDS)),
            tuple(_array(arrays, "labels", "U").tolist()) if "labels" in arrays else None,
            _protocol(arrays) if "protocol" in arrays else None,
        )
    except FileNotFoundError:
        raise FileNotFoundError(f"no detections at {source}") from None
    except DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"{source} does not hold saved detections: {reason}") from error


# Arrays, and numpy's letters of what they may hold.
_KINDS = {
    **{"videos": "U", "num_windows": "i", "num_slots": "i", "windows": "i"},
    **{"boxes": "f", "scores": "f"},
}
# Of the arrays' bytes to the file's; a compressed file can stand for a thousand times as much.
_MAX_EXPANSION = 100


def _array(arrays: Mapping[str, np.ndarray], name: str, kinds: str | None = None) -> np.ndarray:
    if arrays[name].dtype.kind not in (kinds or _KINDS[name]):
        raise ValueError(f"'{name}' holds something else than it should")
    return arrays[name]


def _protocol(arrays: Mapping[str, np.ndarray]) -> Protocol:
    protocol = get_protocol(_array(arrays, "protocol", "U").item())
    said = {n: _array(arrays, n, "biuf").item() for n in protocol.options if n in arrays}
    return get_protocol(protocol.name, **said)  # a rule that the file does not know: as published


def _unpack(
    videos: np.ndarray,
    num_windows: np.ndarray,
    num_slots: np.ndarray,
    windows: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
) -> dict[str, Tubelets]:
    if min(num_windows.min(initial=0), num_slots.min(initial=0)) < 0:
        raise ValueError("a number of windows or tubelets is negative")
    if len(set(videos.tolist())) < videos.size:
        raise ValueError("a video is there twice")
    result = {}
    window, tubelet = 0, 0
    for name, count, slots in zip(
        videos.tolist(), num_windows.tolist(), num_slots.tolist(), strict=True
    ):
        end = tubelet + count * slots
        result[name] = Tubelets(
            windows[window : window + count],
            boxes[tubelet:end].reshape(count, slots, *boxes.shape[1:]),
            scores[tubelet:end].reshape(count, slots, *scores.shape[1:]),
        )
        window, tubelet = window + count, end
    if window != len(windows) or tubelet != len(boxes) or tubelet != len(scores):
        raise ValueError("its arrays do not have the lengths that it states")
    return result
