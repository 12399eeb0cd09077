"""From what foreign files say to annotations: labels joined, facts filled in, tubes cut."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from ...errors import InputError
from ...structures import Split, Tube, TubeAnnotations, VideoAnnotation
from ..annotation_checks import MAX_COORDINATE, check_annotations
from .report import Report
from .tracks import Reading, Track, VideoTracks
from .videos import measure


def assemble(
    readings: Sequence[Reading], ignored: Collection[str], videos: str | None, report: Report
) -> TubeAnnotations:
    """Make annotations of what files say.

    A track with gaps becomes several tubes. Boxes outside of their video's frames, and those that
    cover no pixel, are left out.

    Args:
        readings: one for each file; no video may be in two of them.
        ignored: labels that are left out.
        videos: folder with the videos, whose length is then taken in place of the files'; None:
            not at hand.
        report: gets what is left out.

    Returns:
        The annotations. Labels are in the order of the files, and in each of its own; splits are
        those of the files, where all of them have as many.

    Raises:
        InputError: naming the file and the video, if a video is there twice, its length or size is
            nowhere, or the video at hand has another size; or if nothing is annotated.
    """
    labels = dict.fromkeys(label for reading in readings for label in reading.labels)
    tracks = [t for reading in readings for video in reading.videos for t in video.tracks]
    labels |= dict.fromkeys(track.label for track in tracks)
    for label in ignored:
        if label not in labels:
            raise InputError(
                f"no label {label!r} is there to ignore; there are {', '.join(labels)}"
            )
        del labels[label]
    position = {label: index for index, label in enumerate(labels)}
    found: dict[str, VideoAnnotation] = {}
    sources: dict[str, str] = {}
    for reading in readings:
        for video in reading.videos:
            if video.name in found:
                raise InputError(
                    f"{reading.source}: video '{video.name}' is there twice, first in "
                    f"{sources[video.name]}; give each video's annotations once"
                )
            sources[video.name] = reading.source
            found[video.name] = _video(video, reading.source, position, videos, report)
    annotations = TubeAnnotations(tuple(labels), found, _splits(readings))
    used = {tube.label for video in found.values() for tube in video.tubes}
    for label, index in position.items():
        if index not in used:
            report.note("a label without tubes is kept; --ignore-label removes it", label)
    if not used:
        dropped = "; ".join(report.lines())
        raise InputError(f"{readings[0].source}: no tube is left. {dropped}".strip())
    check_annotations(annotations, ", ".join(dict.fromkeys(sources.values())))
    return annotations


def _splits(readings: Sequence[Reading]) -> tuple[Split, ...]:
    if len({len(reading.splits) for reading in readings}) != 1:
        return ()
    return tuple(
        Split(
            tuple(name for split in same for name in split.train),
            tuple(name for split in same for name in split.test),
        )
        for same in zip(*(reading.splits for reading in readings), strict=True)
    )


def _video(
    video: VideoTracks, source: str, position: dict[str, int], folder: str | None, report: Report
) -> VideoAnnotation:
    num_frames, size = video.num_frames, (video.height, video.width)
    if folder is not None:
        facts = measure(folder, video.name)
        if None not in size and size != (facts.height, facts.width):
            raise InputError(
                f"{source}: video '{video.name}' is annotated on {size[1]} x {size[0]} pixels; the "
                f"one in {folder} has {facts.width} x {facts.height}"
            )
        if num_frames not in (None, facts.num_frames):
            report.note("a video has another length than the annotations say", video.name)
        num_frames, size = facts.num_frames, (facts.height, facts.width)
    if num_frames is None or None in size:
        what = "length" if num_frames is None else "size"
        raise InputError(
            f"{source} does not say the {what} of video '{video.name}'; name the folder of the "
            "videos by --videos"
        )
    tubes = []
    for track in video.tracks:
        if track.label in position:
            tubes += _tubes(track, position[track.label], num_frames, report)
        else:
            report.drop(f"a track of the ignored label {track.label!r}", track.name)
    tubes.sort(key=lambda tube: tube.label)
    return VideoAnnotation(num_frames, *size, tuple(tubes))


def _tubes(track: Track, label: int, num_frames: int, report: Report) -> list[Tube]:
    with np.errstate(over="ignore"):
        boxes = track.boxes.astype(np.float32)
    inside = (track.frames >= 1) & (track.frames <= num_frames)
    real = (boxes[:, 2:] >= boxes[:, :2]).all(axis=1)
    near = (np.abs(boxes) <= MAX_COORDINATE).all(axis=1)
    for wrong, reason in (
        (~inside, "a box on a frame that the video does not have"),
        (inside & ~real, "a box less than a pixel wide or high"),
        (inside & real & ~near, "a box a million pixels away"),
    ):
        for _ in range(int(wrong.sum())):
            report.drop(reason, track.name)
    kept = inside & real & near
    frames, boxes = track.frames[kept], boxes[kept]
    gaps = np.flatnonzero(np.diff(frames) != 1) + 1
    if len(gaps):
        report.note("a track with gaps is several tubes", track.name)
    return [
        Tube(part, corners, label, track.score)
        for part, corners in zip(np.split(frames, gaps), np.split(boxes, gaps), strict=True)
        if len(part)
    ]
