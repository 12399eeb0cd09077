"""Which frames of a video the network sees: windows, snippets, clips, and their indexes.

Letters: K = snippet length, T = clip length, W = windows of a chunk, F = distinct frames of a
chunk. Frame numbers and windows are 1-based; a window is named by its snippet's first frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from ..errors import InputError
from ..structures import Tube

SNIPPET_POSITIONS = ("middle", "end")


def check_snippet(snippet_length: int, clip_length: int, snippet_position: str = "middle") -> None:
    """Check that a snippet has a middle frame and lies inside its clip, at a place we know.

    Raises:
        InputError: naming the configuration keys, if not.
    """
    if snippet_length < 1 or snippet_length % 2 == 0:
        raise InputError(
            f"INPUT.SNIPPET_LENGTH is {snippet_length}; it must be odd (1, 3, 5, ...), because "
            "the key frame is the snippet's middle"
        )
    if snippet_length > clip_length:
        raise InputError(
            f"INPUT.SNIPPET_LENGTH ({snippet_length}) is greater than INPUT.CLIP_LENGTH "
            f"({clip_length}); the snippet must lie inside the clip"
        )
    if snippet_position not in SNIPPET_POSITIONS:
        raise InputError(
            f"INPUT.SNIPPET_POSITION is {snippet_position!r}; it must be 'middle' (the snippet in "
            "the clip's middle) or 'end' (the clip ends with the snippet: nothing later is seen)"
        )


def training_windows(num_frames: int, tubes: Sequence[Tube], snippet_length: int) -> np.ndarray:
    """The windows that training may use, by the rule of ACT and MOC.

    The snippet's K frames lie wholly inside or wholly outside every tube, and wholly inside at
    least one. A video shorter than K has none.

    Returns:
        (n,) int64, ascending.

    Raises:
        InputError: if a tube leaves the video's frames 1 .. ``num_frames``.
    """
    num_windows = max(num_frames - snippet_length + 1, 0)
    undivided = np.ones(num_windows, dtype=bool)
    occupied = np.zeros(num_windows, dtype=bool)
    for tube in tubes:
        if np.any((tube.frames < 1) | (tube.frames > num_frames)):
            raise InputError(
                f"a tube spans frames {tube.frames.min()} to {tube.frames.max()}, "
                f"but the video has {num_frames}"
            )
        if num_windows == 0:
            continue
        annotated = np.zeros(num_frames + 1, dtype=np.int64)
        annotated[tube.frames] = 1
        up_to = np.cumsum(annotated)  # annotated frames among 1 .. f
        inside = up_to[snippet_length:] - up_to[:-snippet_length]  # of each window's K frames
        undivided &= (inside == 0) | (inside == snippet_length)
        occupied |= inside == snippet_length
    return np.flatnonzero(undivided & occupied).astype(np.int64) + 1


def snippet_frames(window: int, snippet_length: int, num_frames: int) -> np.ndarray:
    """The frames that are detected: ``window`` and the K - 1 next.

    Returns:
        (K,) int64; beyond the video's end its last frame repeats.
    """
    frames = np.arange(window, window + snippet_length, dtype=np.int64)
    return np.clip(frames, 1, num_frames)


def clip_frames(
    window: int,
    snippet_length: int,
    clip_length: int,
    num_frames: int,
    snippet_position: str = "middle",
) -> np.ndarray:
    """The frames that the 3D backbone sees: T frames, the snippet in their middle or at their end.

    The clip starts (T - K) // 2 frames before the window, or T - K where the snippet ends it.

    Returns:
        (T,) int64; beyond the video's ends the edge frame repeats.
    """
    others = clip_length - snippet_length
    first = window - (others if snippet_position == "end" else others // 2)
    return np.clip(np.arange(first, first + clip_length, dtype=np.int64), 1, num_frames)


def chunk_layout(
    windows: Sequence[int] | np.ndarray,
    snippet_length: int,
    clip_length: int,
    num_frames: int,
    snippet_position: str = "middle",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct frames of a chunk, and where each window finds its own among them.

    Args:
        windows: (W,) first frames.
        snippet_length: K.
        clip_length: T, at least K.
        num_frames: of the video.
        snippet_position: of the snippet in the clip, "middle" or "end".

    Returns:
        frame numbers (F,) ascending, snippet index (W, K), clip index (W, T); all int64. The
        two indexes hold positions in the frame numbers.
    """
    snippets = np.stack([snippet_frames(w, snippet_length, num_frames) for w in windows])
    clips = np.stack(
        [clip_frames(w, snippet_length, clip_length, num_frames, snippet_position) for w in windows]
    )
    frame_numbers = np.unique(clips)
    return (
        frame_numbers,
        np.searchsorted(frame_numbers, snippets),
        np.searchsorted(frame_numbers, clips),
    )


def snippet_instances(
    tubes: Sequence[Tube], window: int, snippet_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """The ground truth of one window: the tubes that hold all its K frames.

    Returns:
        boxes (M, K, 4) float32 in the video's own pixels, labels (M,) int64.
    """
    frames = np.arange(window, window + snippet_length)
    boxes, labels = [], []
    for tube in tubes:
        start = int(np.searchsorted(tube.frames, window))
        if np.array_equal(tube.frames[start : start + snippet_length], frames):
            boxes.append(tube.boxes[start : start + snippet_length])
            labels.append(tube.label)
    return (
        np.asarray(boxes, dtype=np.float32).reshape(-1, snippet_length, 4),
        np.asarray(labels, dtype=np.int64),
    )


class WindowIndex(Dataset):
    """Every training window of a list of videos, as a map-style data set.

    An item is ``{"video": standard dict of the video, "windows": (1,) int64}``.
    """

    def __init__(self, video_dicts: Sequence[Mapping[str, Any]], snippet_length: int) -> None:
        """Find the windows.

        Args:
            video_dicts: standard dicts with "video_id", "num_frames" and "tubes".
            snippet_length: K.

        Raises:
            InputError: naming the video, if one of its tubes leaves the video.
        """
        self._video_dicts = list(video_dicts)
        per_video = [_training_windows_of(video, snippet_length) for video in self._video_dicts]
        self._windows = np.concatenate([np.zeros(0, dtype=np.int64), *per_video])
        self._videos = np.repeat(np.arange(len(per_video)), [len(w) for w in per_video])

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        video = self._video_dicts[self._videos[index]]
        return {"video": video, "windows": self._windows[index : index + 1]}


class ChunkIndex(Dataset):
    """Every window of a list of videos, cut into chunks of consecutive windows of one video.

    A video has the windows 1 .. num_frames - K + 1; one shorter than K has the window 1. An item
    is ``{"video": standard dict of the video, "windows": (W,) int64}``, where W is
    ``windows_per_chunk`` or, at a video's end, what is left. So an item's size is bounded however
    long the video.
    """

    def __init__(
        self,
        video_dicts: Sequence[Mapping[str, Any]],
        snippet_length: int,
        windows_per_chunk: int,
    ) -> None:
        """Cut the videos.

        Args:
            video_dicts: standard dicts with "num_frames".
            snippet_length: K.
            windows_per_chunk: the most windows that an item holds.

        Raises:
            InputError: if ``windows_per_chunk`` is not positive.
        """
        if windows_per_chunk < 1:
            raise InputError(f"TEST.WINDOWS_PER_CHUNK is {windows_per_chunk}; it must be positive")
        self._video_dicts = list(video_dicts)
        self._chunks = []  # (position of the video, first window, one past the last window)
        for i, video in enumerate(self._video_dicts):
            end = max(video["num_frames"] - snippet_length + 1, 1) + 1
            for first in range(1, end, windows_per_chunk):
                self._chunks.append((i, first, min(first + windows_per_chunk, end)))

    def __len__(self) -> int:
        return len(self._chunks)

    def __getitem__(self, index: int) -> dict[str, Any]:
        video, first, end = self._chunks[index]
        return {
            "video": self._video_dicts[video],
            "windows": np.arange(first, end, dtype=np.int64),
        }


def _training_windows_of(video: Mapping[str, Any], snippet_length: int) -> np.ndarray:
    try:
        return training_windows(video["num_frames"], video["tubes"], snippet_length)
    except InputError as error:
        raise InputError(f"video '{video['video_id']}': {error}") from error
