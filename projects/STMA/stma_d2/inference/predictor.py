"""Whole videos in, tubes out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode

from ..data import (
    DEFAULT_FPS,
    ArrayReader,
    ChunkIndex,
    ClipDatasetMapper,
    ClipSampler,
    FrameReader,
    open_frames,
)
from ..evaluation import configured_protocol
from ..evaluation.video_map import tubes_of_tubelets
from ..modeling.network import TubeletNetwork
from ..structures import Tubelets, VideoDict
from .network_user import NetworkUser
from .result import VideoResult

logger = logging.getLogger(__name__)


class VideoPredictor(NetworkUser):
    """Detects the action tubes of a video file, a folder of frames or an array of frames.

    Each frame is decoded and goes through the 2D backbone once; the next chunk of windows is
    decoded while the network works on this one. Memory is bounded by one chunk
    (TEST.WINDOWS_PER_CHUNK), the next one's frames, and the tubelets.

    Example:
        >>> predictor = VideoPredictor.from_pretrained("model_final.pth")
        >>> result = predictor("street.mp4")
        >>> result.tubes[0].name, result.tubes[0].start_seconds
        >>> result.draw("out.mp4")
    """

    def __init__(
        self, cfg: CfgNode, model: TubeletNetwork | None = None, labels: Sequence[str] | None = None
    ) -> None:
        """Prepare the model; see `NetworkUser`."""
        super().__init__(cfg, model, labels)
        self.mapper = ClipDatasetMapper.from_config(self.cfg, is_train=False, conceal_damage=True)

    def __call__(
        self,
        video: str | os.PathLike[str] | np.ndarray | Sequence[np.ndarray],
        progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
        *,
        fps: float = DEFAULT_FPS,
    ) -> VideoResult:
        """Detect the tubes of one video.

        Args:
            video: a video file or a folder of frames, see `open_frames`; or frames in memory,
                (n, height, width, 3) uint8 BGR.
            progress: wraps the chunks, for example ``tqdm.tqdm``.
            fps: frames a second, of frames in memory or in a folder.

        Returns:
            Tubes after tube NMS, best first; boxes in the video's own pixels.

        Raises:
            InputError: if the video cannot be read.
        """
        is_path = isinstance(video, str | os.PathLike)
        source = os.fspath(video) if is_path else ArrayReader(video, fps)
        reader = open_frames(source, conceal_damage=True, fps=fps)
        times = reader.times()
        described = _describe(source, reader, len(times) - 1)
        protocol = configured_protocol(self.cfg)
        shortest = protocol.linking.min_tube_length
        if described["num_frames"] < shortest:
            logger.warning(
                f"{reader.path} has {described['num_frames']} frames, and tubes of fewer than "
                f"{shortest} are dropped: lower TEST.LINKING.MIN_TUBE_LENGTH"
            )
        tubelets = self.predict_tubelets(described, progress)
        tubes = tubes_of_tubelets(tubelets, described["num_frames"], protocol)
        size = described["height"], described["width"]
        return VideoResult.of(source, size, times, self.labels, tubes)

    @torch.inference_mode()
    def predict_tubelets(
        self, video: VideoDict, progress: Callable[[Iterable[Any]], Iterable[Any]] = iter
    ) -> Tubelets:
        """Detect the tubelets of every window.

        Args:
            video: as `describe_video` makes it.
            progress: wraps the chunks.

        Returns:
            Arrays, in the video's pixels.
        """
        sampler, chunk = ClipSampler.from_config(self.cfg), self.cfg.TEST.WINDOWS_PER_CHUNK
        state = self.detector.init_state()
        samples = _ahead(self.mapper, progress(ChunkIndex([video], sampler, chunk)))
        return Tubelets.cat([self.detector.step(state, sample).numpy() for sample in samples])


def _ahead(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Map ``items`` in order; a thread works on the next one while the last one is used."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        following = None
        for item in items:
            current, following = following, thread.submit(function, item)
            if current is not None:
                yield current.result()
        if following is not None:
            yield following.result()


def describe_video(path: str) -> VideoDict:
    """The standard dict of a video without annotations.

    Args:
        path: a video file or a folder of frames.

    Raises:
        InputError: if the video cannot be read.
    """
    reader = open_frames(path, conceal_damage=True)
    return _describe(path, reader, reader.count())


def _describe(source: str | FrameReader, reader: FrameReader, num_frames: int) -> VideoDict:
    (first,) = reader.read([1])
    return {
        "video_id": reader.path,
        "path": source,
        "num_frames": num_frames,
        "height": first.shape[0],
        "width": first.shape[1],
        "tubes": [],
    }
