"""Which videos to train and which to test with."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from ...errors import InputError
from ...structures import Split
from ..finder import VIDEO_EXTENSIONS
from .label_list import decode
from .members import Member


def split_by_ratio(
    names: Sequence[str], train_share: float, seed: int, separator: str | None = None
) -> Split:
    """Draw the videos to train with.

    Args:
        names: of all videos.
        train_share: of the groups, 0 to 1; of two groups or more each side gets at least one.
        seed: of the draw.
        separator: videos whose names are equal up to its last occurrence are one group and stay on
            one side, as "_c" does for UCF101's v_Biking_g01_c01 and v_Biking_g01_c02. None: each
            video is a group of its own.

    Raises:
        InputError: if there are no names, the share is not within 0 and 1, or no name has the
            separator.
    """
    if not names:
        raise InputError("there is no video to draw a split from")
    if not 0 <= train_share <= 1:
        raise InputError(f"the share of videos to train with is {train_share}; it is 0 to 1")
    if separator is not None and not any(separator in name for name in names):
        raise InputError(f"no video's name has {separator!r}; such as '{names[0]}'")
    groups = {name: _group(name, separator) for name in names}
    distinct = sorted(set(groups.values()))
    count = round(train_share * len(distinct))
    if len(distinct) > 1 and 0 < train_share < 1:
        count = min(max(count, 1), len(distinct) - 1)
    elif 0 < train_share < 1:
        count = 1
    chosen = set(random.Random(seed).sample(distinct, count))
    return Split(
        tuple(name for name in names if groups[name] in chosen),
        tuple(name for name in names if groups[name] not in chosen),
    )


def _group(name: str, separator: str | None) -> str:
    return name.rpartition(separator)[0] or name if separator else name


def split_by_list(names: Sequence[str], path: str) -> tuple[Split, list[str]]:
    """Test with the videos that a file lists, train with the others.

    Args:
        names: of all videos.
        path: one video a line; a video file's ending, and a number after it (as in UCF101's
            lists), do not matter.

    Returns:
        The split, and the listed names that are none of the videos.

    Raises:
        InputError: if the file cannot be read as text or lists none of the videos.
    """
    known = set(names)
    endings = "|".join(re.escape(ending) for ending in VIDEO_EXTENSIONS)
    rest = re.compile(rf"(?:{endings})?(?:\s+[0-9]+)?$", re.IGNORECASE)
    listed, unknown = set(), []
    for line in decode(Member(path)).splitlines():
        name = line.strip()
        if not name:
            continue
        short = rest.sub("", name, count=1)
        match = name if name in known else short
        listed.add(match) if match in known else unknown.append(match)
    if not listed:
        raise InputError(f"{path} lists none of the videos, such as '{names[0]}'")
    train = tuple(name for name in names if name not in listed)
    return Split(train, tuple(name for name in names if name in listed)), unknown
