"""What a loader's worker does beside mapping: it says where it is, and passes over bad clips."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Collection, Iterable

from torch.utils.data import get_worker_info

from ..errors import InputError
from ..structures import Sample, WindowsOfVideo
from .training_stream import TrainingStream

Mapper = Callable[[WindowsOfVideo], Sample]

# A worker's line on the board: its process and the video, as bytes that end with a zero.
_LINE = 512
# Clips that are tried in the place of one that cannot be read.
_ATTEMPTS = 10


class Whereabouts:
    """A mapper that writes on a board, which all processes see, which video each worker is at.

    A worker that is killed or hangs can no longer tell.
    """

    def __init__(self, mapper: Mapper, num_workers: int) -> None:
        """Wrap ``mapper`` for a loader with so many workers, which are started after this."""
        self._mapper = mapper
        self._board = multiprocessing.RawArray("c", max(num_workers, 1) * _LINE)

    def __call__(self, item: WindowsOfVideo) -> Sample:
        """Map ``item``."""
        worker = get_worker_info()
        if worker is None:
            return self._mapper(item)
        self._write(worker.id, f"{os.getpid()} {item['video']['video_id']}")
        try:
            return self._mapper(item)
        finally:
            self._write(worker.id, "")

    def videos(self, processes: Collection[int] = ()) -> list[str]:
        """The videos that workers are at, in no order of time.

        Args:
            processes: only of these process numbers, if the board has any of them.
        """
        lines = [self._read(start) for start in range(0, len(self._board), _LINE)]
        busy = [line.split(" ", 1) for line in lines if line]
        theirs = [video for process, video in busy if int(process) in processes]
        return theirs or [video for _, video in busy]

    def _write(self, worker: int, line: str) -> None:
        content = line.encode(errors="replace")[: _LINE - 1]
        start = worker * _LINE
        self._board[start : start + len(content) + 1] = content + b"\0"

    def _read(self, start: int) -> str:
        return self._board[start : start + _LINE].split(b"\0", 1)[0].decode(errors="replace")


class Skipping:
    """A mapper that puts another clip in the place of one that cannot be read.

    Which one depends on the place alone, so that a resumed training has the same. The sample
    says in ``skipped`` what it stands in for.
    """

    def __init__(self, mapper: Mapper, stream: TrainingStream) -> None:
        """Wrap ``mapper`` for the items of ``stream``."""
        self._mapper = mapper
        self._stream = stream

    def __call__(self, item: WindowsOfVideo) -> Sample:
        """Map ``item`` or its replacement.

        Raises:
            InputError: if one replacement after the other cannot be read either.
        """
        skipped: list[tuple[str, str]] = []
        for attempt in range(_ATTEMPTS):
            try:
                sample = self._mapper(item)
            except InputError as error:
                skipped.append((item["video"]["video_id"], str(error)))
                last = error
                item = self._stream.replacement_at(item["position"], attempt)
                continue
            return {**sample, "skipped": skipped} if skipped else sample
        raise InputError(
            f"DATALOADER.SKIP_BAD_CLIPS: {_ATTEMPTS} clips, one after the other, cannot be read, "
            f"the last because of {last}"
        ) from last


class SkippedClips:
    """Counts what was skipped, and says when it is too much."""

    def __init__(self, share: float, num_videos: int) -> None:
        """Begin at 0.

        Args:
            share: DATALOADER.SKIP_BAD_CLIPS, of the training videos that may have bad clips.
            num_videos: how many training videos there are.
        """
        self._limit = share * num_videos
        self._share, self._num_videos = share, num_videos
        self.clips = 0
        self.videos: dict[str, str] = {}  # reason of the first bad clip of each

    def add(self, skipped: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Count skipped clips, each with its video and reason; returns those of new videos.

        Raises:
            InputError: if more videos than allowed have bad clips.
        """
        new = []
        for video, reason in skipped:
            self.clips += 1
            if video not in self.videos:
                self.videos[video] = reason
                new.append((video, reason))
        if len(self.videos) > self._limit:
            video, reason = list(self.videos.items())[-1]
            raise InputError(
                f"{len(self.videos)} of {self._num_videos} training videos have clips that cannot "
                f"be read, and DATALOADER.SKIP_BAD_CLIPS {self._share:g} allows "
                f"{int(self._limit)}; the last: {reason}"
            )
        return new

    def state_dict(self) -> dict:
        """The counts, in plain containers."""
        return {"clips": self.clips, "videos": self.videos}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on with the counts of ``state_dict``."""
        self.clips = int(state_dict["clips"])
        self.videos = {str(video): str(why) for video, why in state_dict["videos"].items()}
