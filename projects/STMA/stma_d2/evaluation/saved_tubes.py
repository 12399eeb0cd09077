"""From saved detections to the tubes that their videos show."""

from __future__ import annotations

import os
from dataclasses import replace

from ..errors import InputError
from ..structures import TubeAnnotations
from .detections_io import load_detections
from .protocols import Protocol, get_protocol
from .video_map import tubes_of_tubelets


def tubes_of_detections(
    path: str | os.PathLike[str],
    truth: TubeAnnotations,
    protocol: Protocol | None,
    min_score: float,
) -> TubeAnnotations:
    """Link saved detections.

    Args:
        path: of ``detections.npz``.
        truth: annotations of the same videos, for their lengths, sizes and labels.
        protocol: whose linking and suppression of tubes apply; None: that of the file, or MOC's.
        min_score: tubes below it are left out.

    Returns:
        The annotations of the videos that have detections, with tubes and scores of the detections.

    Raises:
        InputError: naming the file, if it is damaged, or its videos or classes are not those of the
            annotations.
    """
    saved = load_detections(path)
    if saved.labels not in (None, truth.labels):
        raise InputError(
            f"{os.fspath(path)} has the labels {', '.join(saved.labels)}, the annotations have "
            f"{', '.join(truth.labels)}; name those of the same data set"
        )
    protocol = protocol or saved.protocol or get_protocol("moc")
    videos = {}
    for name, tubelets in saved.tubelets.items():
        if name not in truth.videos:
            raise InputError(f"{os.fspath(path)}: the annotations have no video '{name}'")
        if tubelets.num_classes != len(truth.labels):
            raise InputError(
                f"{os.fspath(path)} has {tubelets.num_classes} classes, the annotations have "
                f"{len(truth.labels)} labels"
            )
        video = truth.videos[name]
        tubes = tubes_of_tubelets(tubelets, video.num_frames, protocol)
        kept = tuple(tube for tube in tubes if tube.score >= min_score)
        videos[name] = replace(video, tubes=kept)
    return TubeAnnotations(truth.labels, videos, ())
