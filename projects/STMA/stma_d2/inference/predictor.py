"""Whole videos in, tubes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model

from ..checkpoint import load_for_evaluation
from ..data import ChunkIndex, ClipDatasetMapper, ClipSampler, open_frames
from ..evaluation import configured_protocol
from ..linking import build_tubes
from ..modeling import STMA, TubeletDetector
from ..structures import Tube, Tubelets, VideoDict


class VideoPredictor:
    """Detects the action tubes of a video file or a folder of frames.

    Each frame is decoded and goes through the 2D backbone once; the next chunk of windows is
    decoded while the network works on this one. Memory is bounded by one chunk
    (TEST.WINDOWS_PER_CHUNK), the next one's frames, and the tubelets.

    Example:
        >>> predictor = VideoPredictor(cfg)  # cfg.MODEL.WEIGHTS names a checkpoint
        >>> tubes = predictor("street.mp4")
    """

    def __init__(self, cfg: CfgNode, model: STMA | None = None) -> None:
        """Prepare the model.

        Args:
            cfg: the configuration.
            model: with its weights; None builds that of ``cfg`` and loads MODEL.WEIGHTS.

        Raises:
            InputError: if the weights are missing or do not fit, or TEST.CLIP_STRIDE does not
                divide the chunks.
        """
        self.cfg = cfg.clone()
        self.model = load_model(self.cfg) if model is None else model.eval()
        self.detector = TubeletDetector(self.cfg, self.model)
        self.mapper = ClipDatasetMapper(self.cfg, is_train=False, conceal_damage=True)

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
        protocol = configured_protocol(self.cfg)
        tubes = build_tubes(tubelets, video["num_frames"], protocol.linking, protocol.tube_nms_iou)
        return sorted(tubes, key=lambda tube: -tube.score)

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


def load_model(cfg: CfgNode) -> STMA:
    """The model of ``cfg`` with MODEL.WEIGHTS, in evaluation mode.

    Raises:
        InputError: if the weights are missing or do not fit.
    """
    model = build_model(cfg).eval()
    load_for_evaluation(model, cfg)
    return model


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
    (first,) = reader.read([1])
    return {
        "video_id": path,
        "path": path,
        "num_frames": reader.count(),
        "height": first.shape[0],
        "width": first.shape[1],
        "tubes": [],
    }
