"""A live stream in, frame by frame; tubelets and tubes out as they come."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model
from detectron2.structures import Instances

from ..checkpoint import load_for_evaluation
from ..data.geometry import FrameGeometry, warp_frame
from ..data.windows import check_snippet
from ..errors import InputError
from ..evaluation import get_protocol
from ..linking import LiveTube, OnlineLinker
from ..modeling.features import FrameFeatures
from ..modeling.precision import mixed_precision
from ..structures import Tube

# Frames after which a tube is handed out although its actor goes on, and a new one begun: seven
# minutes at 25 frames per second. It bounds the memory; UCF101-24's and JHMDB's videos are shorter.
MAX_TUBE_LENGTH = 10_000


@dataclass(frozen=True)
class StreamStep:
    """What one more frame gave.

    Attributes:
        frame_number: 1-based number of the frame that was pushed, the last one of the window.
        window: first frame of the window that became whole; None before the first K frames.
        tubelets: its ``Instances`` of the video's size with ``tubelets`` (`TubeletBoxes`, N x K,
            video pixels), ``scores`` (N, C) and ``window``, on the CPU; None without a window.
        live: the tubes that may still grow, weak and short ones too: where they are now, and their
            mean score so far.
        ended: the tubes that ended with this frame, whole. They are handed out once and forgotten.
    """

    frame_number: int
    window: int | None = None
    tubelets: Instances | None = None
    live: list[LiveTube] = field(default_factory=list)
    ended: list[Tube] = field(default_factory=list)


class StreamPredictor:
    """Detects action tubes in a stream; nothing later than the newest frame is needed.

    Each frame goes through the 2D backbone once, each window through the heads and the 3D backbone
    once. What is kept is the last K frames' features, the last T frames, and the live tubes up to
    `MAX_TUBE_LENGTH` frames: neither time nor memory for a frame depends on how many went before.
    Tubelets equal those of `VideoPredictor` under the same configuration, and the tubes are those
    that ``link_tubelets`` makes of them.

    Suppression of tubes compares whole tubes of a video, which a stream does not have yet when it
    hands out the first: whoever wants `VideoPredictor`'s list keeps what ended and calls
    ``suppress_by_class`` at the end.

    Example:
        >>> predictor = StreamPredictor(cfg)  # cfg.MODEL.WEIGHTS names a checkpoint
        >>> for frame in camera:
        ...     step = predictor.push(frame)
        >>> last = predictor.finish()
    """

    def __init__(self, cfg: CfgNode) -> None:
        """Build the model of ``cfg`` and load MODEL.WEIGHTS.

        Raises:
            InputError: if the network would need frames after the snippet, or 3D features of other
                windows; or if the weights are missing or do not fit.
        """
        _check_causal(cfg)
        self.cfg = cfg.clone()
        self.model = build_model(self.cfg).eval()
        load_for_evaluation(self.model, cfg.MODEL.WEIGHTS, cfg.OUTPUT_DIR, resume=False)
        self.reset()

    def reset(self) -> None:
        """Forget the stream; the next frame is frame 1 of another."""
        inputs, test = self.cfg.INPUT, self.cfg.TEST
        self._frame_number = 0
        self._size: tuple[int, int] | None = None
        self._features: deque[FrameFeatures] = deque(maxlen=inputs.SNIPPET_LENGTH)
        self._clip: deque[torch.Tensor] = deque(maxlen=inputs.CLIP_LENGTH)
        protocol = get_protocol(test.PROTOCOL, test.LINKING.MIN_TUBELET_SCORE)
        rules = {**vars(protocol.linking), "max_tube_length": MAX_TUBE_LENGTH}
        self._linker = OnlineLinker(self.cfg.MODEL.STMA.NUM_CLASSES, inputs.SNIPPET_LENGTH, **rules)

    @torch.no_grad()
    def push(self, frame: np.ndarray) -> StreamStep:
        """Take the next frame.

        Args:
            frame: (h, w, 3) uint8 BGR, all of a stream of one size.

        Raises:
            InputError: if the frame is something else or has another size than the first; the
                stream then stands where it stood.
        """
        self._check_frame(frame)
        self._size = frame.shape[:2]
        self._frame_number += 1
        image = self._to_input(frame)
        with self._precision():
            self._features.append(self.model.frame_features(image[None]))
        if self.model.backbone_3d is not None:
            # Before the first frame it repeats, as it does for a video's first windows.
            self._clip.extend([image] * (1 if self._clip else self._clip.maxlen))
        if len(self._features) < self._features.maxlen:
            return StreamStep(self._frame_number)
        window = self._frame_number - self._features.maxlen + 1
        tubelets = self._detect(window)
        ended = self._link(window, tubelets)
        return StreamStep(self._frame_number, window, tubelets, self._linker.live, ended)

    @torch.no_grad()
    def finish(self) -> list[Tube]:
        """End the stream; the next frame is frame 1 of another.

        Returns:
            The tubes that were still live, whole. A stream shorter than K frames is detected here,
            its last frame repeated as in `VideoPredictor`.
        """
        tubes = []
        if 0 < self._frame_number < self._features.maxlen:
            missing = self._features.maxlen - self._frame_number
            self._features.extend([self._features[-1]] * missing)
            if self._clip:
                self._clip.extend([self._clip[-1]] * missing)
            tubes = self._link(1, self._detect(1))
        if self._frame_number:
            tubes += self._linker.finish(self._frame_number)
        self.reset()
        return tubes

    def _check_frame(self, frame: np.ndarray) -> None:
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise InputError(
                f"frame {self._frame_number + 1} of the stream is {frame.dtype} of shape "
                f"{frame.shape}; it must be (height, width, 3) uint8, BGR"
            )
        if self._size not in (None, frame.shape[:2]):
            (height, width), (rows, columns) = self._size, frame.shape[:2]
            raise InputError(
                f"frame {self._frame_number + 1} of the stream is {columns} x {rows} pixels after "
                f"frames of {width} x {height} (width x height); call finish() or reset() where "
                "another stream begins"
            )

    def _to_input(self, frame: np.ndarray) -> torch.Tensor:
        """Resize as `ClipDatasetMapper` does: (3, H, W) uint8 on the network's device."""
        geometry = FrameGeometry(width=frame.shape[1], height=frame.shape[0])
        resized = warp_frame(frame, frame.shape[:2], geometry, self.cfg.INPUT.SIZE)
        return torch.from_numpy(resized).to(self.model.device).permute(2, 0, 1).contiguous()

    def _detect(self, window: int) -> Instances:
        snippet = torch.arange(len(self._features), device=self.model.device)[None]
        clips = None
        with self._precision():
            if self._clip:
                clips = self.model.clip_features(torch.stack(list(self._clip))[None])
            detections = self.model.detect(FrameFeatures.cat(self._features), snippet, clips)
        (tubelets,) = detections.to("cpu").instances(
            torch.tensor([window]), self._size, self.cfg.INPUT.SIZE
        )
        return tubelets

    def _precision(self) -> AbstractContextManager:
        return mixed_precision(self.model.device, self.cfg.TEST.AMP.ENABLED)

    def _link(self, window: int, tubelets: Instances) -> list[Tube]:
        boxes, scores = tubelets.tubelets.tensor.numpy(), tubelets.scores.numpy()
        return self._linker.push(window, boxes, scores)


def _check_causal(cfg: CfgNode) -> None:
    """Refuse configurations that look ahead."""
    inputs = cfg.INPUT
    check_snippet(inputs.SNIPPET_LENGTH, inputs.CLIP_LENGTH, inputs.SNIPPET_POSITION)
    if not cfg.MODEL.BACKBONE_3D.NAME:
        return
    if inputs.SNIPPET_POSITION != "end":
        raise InputError(
            "a stream needs a network that looks at nothing later than what it detects: with a 3D "
            "backbone set INPUT.SNIPPET_POSITION to 'end', and train the network so (now it is "
            f"'{inputs.SNIPPET_POSITION}')"
        )
    if cfg.TEST.CLIP_STRIDE != 1:
        raise InputError(
            f"TEST.CLIP_STRIDE is {cfg.TEST.CLIP_STRIDE}: windows would wait for the clip of a "
            "later one; set it to 1 for a stream"
        )
