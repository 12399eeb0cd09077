"""Map-style data sets of windows: one by one for training, and every window in chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch.utils.data import Dataset

from ..errors import InputError
from ..structures import Tube, VideoDict, WindowsOfVideo
from .clip_sampler import ClipSampler

FindWindows = Callable[[int, Sequence[Tube]], np.ndarray]


class WindowIndex(Dataset):
    """Some windows of each of a list of videos; an item holds one."""

    def __init__(self, videos: Sequence[VideoDict], find: FindWindows) -> None:
        """Find the windows.

        Args:
            videos: where to look.
            find: from a video's number of frames and its tubes to the windows (n,) int64:
                `ClipSampler.training_windows` or `ClipSampler.background_windows`.

        Raises:
            InputError: naming the video, if one of its tubes leaves the video.
        """
        self.videos = list(videos)
        per_video = [_find(video, find) for video in self.videos]
        self._windows = np.concatenate([np.zeros(0, dtype=np.int64), *per_video])
        self._positions = np.repeat(np.arange(len(per_video)), [len(w) for w in per_video])

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> WindowsOfVideo:
        video = self.videos[self._positions[index]]
        return {"video": video, "windows": self._windows[index : index + 1]}


class ChunkIndex(Dataset):
    """Every window of a list of videos, cut into chunks of consecutive windows of one video.

    An item holds ``windows_per_chunk`` windows or, at a video's end, what is left: its size is
    bounded however long the video.
    """

    def __init__(
        self, videos: Sequence[VideoDict], sampler: ClipSampler, windows_per_chunk: int
    ) -> None:
        """Cut the videos into chunks of ``windows_per_chunk`` (at least 1) windows."""
        self._chunks = []  # (video, first window, one past the last window)
        for video in videos:
            end = sampler.num_windows(video["num_frames"]) + 1
            for first in range(1, end, windows_per_chunk):
                self._chunks.append((video, first, min(first + windows_per_chunk, end)))

    def __len__(self) -> int:
        return len(self._chunks)

    def __getitem__(self, index: int) -> WindowsOfVideo:
        video, first, end = self._chunks[index]
        return {"video": video, "windows": np.arange(first, end, dtype=np.int64)}


def _find(video: VideoDict, find: FindWindows) -> np.ndarray:
    try:
        return find(video["num_frames"], video["tubes"])
    except InputError as error:
        raise InputError(f"video '{video['video_id']}': {error}") from error
