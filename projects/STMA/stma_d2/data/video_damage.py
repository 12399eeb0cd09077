"""Why a file cannot be opened as a video, as far as its bytes and FFmpeg's error tell."""

from __future__ import annotations

import os

import av

# An MP4 or MOV file consists of boxes: four bytes of length, four of kind, the content. It begins
# with one of these, and is of no more boxes than that but in fragments.
_FIRST_BOXES = ("ftyp", "moov", "mdat", "free", "skip", "wide")
_MOST_BOXES = 100
_INDEX = "moov"


def why_not_opened(path: str, error: Exception) -> str:
    """What is wrong with a file that FFmpeg does not open, for a message."""
    if not os.path.getsize(path):
        return "it is empty"
    if reason := why_cut_off(path):
        return reason
    if not isinstance(error, av.error.InvalidDataError):
        return f"FFmpeg says '{getattr(error, 'strerror', None) or error}'"
    return "it is damaged, cut off or no video file"


def why_cut_off(path: str) -> str:
    """What is missing of an MP4 or MOV file, for a message; "" where nothing is."""
    missing = missing_boxes(path)
    if missing is not None and _INDEX in missing:
        return (
            "its index (moov) is missing, because a recording or a copy was broken off; copy or "
            "export it again"
        )
    return "it is cut off or damaged; copy it again" if missing else ""


def missing_boxes(path: str) -> set[str] | None:
    """The boxes that an MP4 or MOV file should have and has not whole; None for other files."""
    size, position = os.path.getsize(path), 0
    whole: set[str] = set()
    with open(path, "rb") as file:
        for _ in range(_MOST_BOXES):
            file.seek(position)
            head = file.read(16)
            if len(head) < 8:
                if position == 0:
                    return None
                break
            length, kind = int.from_bytes(head[:4], "big"), head[4:8].decode("latin1")
            if position == 0 and kind not in _FIRST_BOXES:
                return None
            if length == 1:  # it is too large for four bytes, and follows
                length = int.from_bytes(head[8:], "big")
            position += length or size - position  # 0: up to the file's end
            if (length and length < 8) or position > size:
                return {_INDEX, kind} - whole
            whole.add(kind)
    return {_INDEX} - whole
