"""The corrected annotations of UCF101-24: ``pyannot.pkl``.

Follows github.com/gurkirt/corrected-UCF101-Annots (Singh et al., ICCV 2017) and its author's
readers of the file: ``{video: {"numf": frames, "label": class, "annotations": [{"label": class,
"sf": first, "ef": end, "boxes": (n, 4)}]}}``, videos named ``Biking/v_Biking_g01_c01``.

- ``sf`` counts from 0 and ``ef`` is the frame after the last: our frames sf + 1 to ef.
- A box is left, top, width, height, with pixels counted from 1: x1 = left - 1,
  x2 = x1 + width - 1. So the author's later reader (3D-RetinaNet) takes it, and so all corners lie
  in 0 .. 319 and 0 .. 239, as in ``UCF101v2-GT.pkl``, which was made from this file.
- Classes are the 24 of UCF101-24 in alphabetical order; all videos have 320 x 240 pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import InputError
from ...plain_values import fields, items, mapping, whole_number
from ..datasets.ucf101_24 import LABELS
from .report import Report
from .tracks import Reading, Track, VideoTracks, check_extent, from_sizes

_HEIGHT, _WIDTH = 240, 320


def read_ucf_corrected(data: Any, source: str, report: Report) -> Reading:
    """Read what the pickle holds.

    Args:
        data: its content, as `load_plain_pickle` gives it.
        source: the file's name, for messages.
        report: gets what is left out.

    Raises:
        InputError: naming the file, the video and the tube, if a value is not of its kind.
    """
    reading = Reading(source, list(LABELS))
    for name, entry in mapping(data, source).items():
        where = f"{source}: video '{name}'"
        num_frames, tubes = fields(entry, ("numf", "annotations"), where)
        num_frames = whole_number(num_frames, f"{where}, numf")
        video = VideoTracks(name, num_frames, _HEIGHT, _WIDTH)
        for number, tube in enumerate(items(tubes, f"{where}, annotations")):
            track = _track(tube, f"{where}, tube {number}", f"{name}: tube {number}", report)
            if track is not None:
                video.tracks.append(track)
        reading.videos.append(video)
    return reading


def _track(tube: Any, where: str, name: str, report: Report) -> Track | None:
    label, first, end, boxes = fields(tube, ("label", "sf", "ef", "boxes"), where)
    label, first, end = (
        whole_number(value, f"{where}, {key}")
        for value, key in ((label, "label"), (first, "sf"), (end, "ef"))
    )
    if not 0 <= label < len(LABELS):
        raise InputError(f"{where}: label is {label}; there are 0 to {len(LABELS) - 1}")
    shape = getattr(boxes, "shape", ())
    if len(shape) != 2 or shape[1] != 4 or boxes.dtype.kind not in "fiu":
        raise InputError(f"{where}: boxes are no array (n, 4) of numbers")
    if len(boxes) != end - first:
        report.drop("a tube whose number of boxes is not that of its frames", name)
        return None
    check_extent(len(boxes), where)
    frames = np.arange(first, end, dtype=np.int64) + 1
    return Track(name, LABELS[label], frames, from_sizes(boxes.astype(np.float64) - (1, 1, 0, 0)))
