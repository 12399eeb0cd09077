"""Which actions and videos are too short for the rules of linking."""

from __future__ import annotations

from collections.abc import Iterable

from ..structures import TubeAnnotations
from .protocols import Protocol


def too_short(
    annotations: TubeAnnotations, videos: Iterable[str], protocol: Protocol
) -> str | None:
    """Say that actions are shorter than the shortest tube that the rules keep.

    Args:
        annotations: the ground truth.
        videos: names of the videos to look at.
        protocol: with the rules of linking.

    Returns:
        One sentence for the user, or None where nothing is too short.
    """
    length = protocol.linking.min_tube_length
    chosen = [annotations.videos[name] for name in videos]
    tubes = [tube for video in chosen for tube in video.tubes]
    short_tubes = sum(len(tube) < length for tube in tubes)
    short_videos = sum(video.num_frames < length for video in chosen)
    if not short_tubes and not short_videos:
        return None
    return (
        f"{short_tubes} of {len(tubes)} annotated tubes and {short_videos} of {len(chosen)} videos "
        f"are shorter than {length} frames, and shorter tubes are dropped: lower "
        "TEST.LINKING.MIN_TUBE_LENGTH (tools/evaluate.py: --min-tube-length) to find them"
    )
