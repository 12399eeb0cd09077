"""Whole videos in, tubes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model

from ..checkpoint import load_for_evaluation
from ..data import ChunkIndex, ClipDatasetMapper, open_frames
from ..evaluation import build_tubes, get_protocol
from ..modeling import SlidingWindow
from ..structures import Tube, Tubelets


class VideoPredictor:
    """Detects the action tubes of a video file or a folder of frames.

    Each frame is decoded and goes through the 2D backbone once; the next chunk of windows is
    decoded while the network works on this one. Memory is bounded by one chunk
    (TEST.WINDOWS_PER_CHUNK), the next one's frames, and the tubelets.

    Example:
        >>> predictor = VideoPredictor(cfg)  # cfg.MODEL.WEIGHTS names a checkpoint
        >>> tubes = predictor("street.mp4")
    """

    def __init__(self, cfg: CfgNode) -> None:
        """Build the model of ``cfg`` and load MODEL.WEIGHTS.

        Raises:
            InputError: if the weights are missing or do not fit, or TEST.CLIP_STRIDE does not
                divide the chunks.
        """
        self.cfg = cfg.clone()
        self.model = build_model(self.cfg).eval()
        load_for_evaluation(self.model, cfg.MODEL.WEIGHTS, cfg.OUTPUT_DIR, resume=False)
        self.sliding_window = SlidingWindow(self.cfg, self.model)
        self.mapper = ClipDatasetMapper(self.cfg, is_train=False)

    def __call__(
        self, path: str, progress: Callable[[Iterable[Any]], Iterable[Any]] = iter
    ) -> list[Tube]:
        """Detect the tubes of one video.

        Args:
            path: a video file, or a folder that holds 00001.jpg (or .png), 00002.jpg, ...
            progress: wraps the chunks, for example ``tqdm.tqdm``.

        Returns:
            Tubes after tube NMS, best first; boxes in the video's own pixels.

        Raises:
            InputError: if the video cannot be read.
        """
        video = describe_video(path)
        tubelets = self.predict_tubelets(video, progress)
        protocol = get_protocol(self.cfg.TEST.PROTOCOL, self.cfg.TEST.LINKING.MIN_TUBELET_SCORE)
        tubes = build_tubes(tubelets, video["num_frames"], protocol)
        return sorted(tubes, key=lambda tube: -tube.score)

    @torch.inference_mode()
    def predict_tubelets(
        self, video: dict[str, Any], progress: Callable[[Iterable[Any]], Iterable[Any]] = iter
    ) -> Tubelets:
        """Detect the tubelets of every window.

        Args:
            video: the standard dict of a video, as `describe_video` makes it.
            progress: wraps the chunks.
        """
        snippet_length, chunk = self.cfg.INPUT.SNIPPET_LENGTH, self.cfg.TEST.WINDOWS_PER_CHUNK
        chunks = progress(ChunkIndex([video], snippet_length, chunk))
        self.sliding_window.reset()  # the same path may hold other frames by now
        results = []
        samples = ([sample] for sample in _ahead(self.mapper, chunks))
        for _, (found,) in self.sliding_window.walk(samples):
            results += found
        return Tubelets(
            windows=np.array([int(result.window[0]) for result in results]),
            boxes=np.stack([result.tubelets.tensor.numpy() for result in results]),
            scores=np.stack([result.scores.numpy() for result in results]),
        )


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


def describe_video(path: str) -> dict[str, Any]:
    """The standard dict of a video without annotations.

    Args:
        path: a video file or a folder of frames.

    Returns:
        dict with video_id, frames (both ``path``), num_frames, height, width, tubes (empty).
    """
    reader = open_frames(path)
    (first,) = reader.read([1])
    return {
        "video_id": path,
        "frames": path,
        "num_frames": reader.count(),
        "height": first.shape[0],
        "width": first.shape[1],
        "tubes": [],
    }
