"""What the user says about foreign files that the files do not say themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FormatSettings:
    """How foreign files are to be understood.

    Attributes:
        action_attributes: CVAT: attributes whose value is the action; none: the label is.
        first_pixel: MOT: the number of the leftmost pixel, 0 as CVAT writes or 1 as MOTChallenge.
        first_frame: COCO: the number of a video's first image, 0 as in CocoVID, or 1.
        labels_file: MOT, AVA: the names of numbered classes; None: the one that lies beside.
        videos: folder with the videos, or with folders of frames; None: not at hand.
        fps: AVA: frames a second; None: the times of the video file's own frames.
        start_seconds: AVA: the time in the annotations at which the video begins.
        key_frame_interval: AVA: seconds from one annotated frame to the next.
    """

    action_attributes: tuple[str, ...] = ()
    first_pixel: int = 0
    first_frame: int = 0
    labels_file: str | None = None
    videos: str | None = None
    fps: float | None = None
    start_seconds: float = 0.0
    key_frame_interval: float = 1.0
