"""What an annotation file says: videos, their ground-truth tubes, and splits."""

from __future__ import annotations

from dataclasses import dataclass

from .tube import Tube


@dataclass(frozen=True)
class VideoAnnotation:
    """One video and its ground truth.

    Attributes:
        num_frames: number of frames of the video.
        height: of its frames, in pixels.
        width: of its frames, in pixels.
        tubes: ordered by label; score 1.0 where a person made them.
    """

    num_frames: int
    height: int
    width: int
    tubes: tuple[Tube, ...]


@dataclass(frozen=True)
class Split:
    """The names of the videos to train and to test with."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class TubeAnnotations:
    """What an annotation file says.

    Attributes:
        labels: class names; a tube's label is a position here.
        videos: by video name.
        splits: every name in them is a key of ``videos``; people count them from 1.
    """

    labels: tuple[str, ...]
    videos: dict[str, VideoAnnotation]
    splits: tuple[Split, ...]
