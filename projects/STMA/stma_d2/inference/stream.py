"""A live stream in, frame by frame; tubelets and tubes out as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from fvcore.common.config import CfgNode

from ..data import ClipSampler
from ..data.geometry import FrameGeometry, warp_frame
from ..errors import InputError
from ..evaluation import configured_protocol
from ..linking import LiveTube, OnlineLinker
from ..modeling.network import TubeletNetwork
from ..structures import Sample, Tube, Tubelets
from .network_user import NetworkUser

# Frames after which a tube is handed out although its actor goes on, and a new one begun: seven
# minutes at 25 frames per second. It bounds the memory; UCF101-24's and JHMDB's videos are shorter.
MAX_TUBE_LENGTH = 10_000


@dataclass(frozen=True)
class StreamStep:
    """What one more frame gave.

    Attributes:
        frame_number: 1-based number of the frame that was pushed, the last one of the window.
        window: first frame of the window that became whole; None before the first K frames.
        tubelets: those of this window, arrays in the video's pixels; None without a window.
        live: the tubes that may still grow, weak and short ones too: where they are now, and their
            mean score so far.
        ended: the tubes that ended with this frame, whole. They are handed out once and forgotten.
    """

    frame_number: int
    window: int | None = None
    tubelets: Tubelets | None = None
    live: list[LiveTube] = field(default_factory=list)
    ended: list[Tube] = field(default_factory=list)


class StreamPredictor(NetworkUser):
    """Detects action tubes in a stream; nothing later than the newest frame is needed.

    Each frame goes through the 2D backbone once, each window through the heads and the 3D backbone
    once. What is kept is the last K frames' features, the frames that a clip spans, and the live
    tubes up to `MAX_TUBE_LENGTH` frames: neither time nor memory for a frame depends on how many
    went before.
    Tubelets equal those of `VideoPredictor` under the same configuration, and the tubes are those
    that ``link_tubelets`` makes of them.

    Suppression of tubes compares whole tubes of a video, which a stream does not have yet when it
    hands out the first: whoever wants `VideoPredictor`'s list keeps what ended and calls
    ``suppress_by_class`` at the end.

    Example:
        >>> predictor = StreamPredictor.from_pretrained("model_final.pth")
        >>> for frame in camera:
        ...     step = predictor.push(frame)
        >>> last = predictor.finish()
    """

    def __init__(
        self, cfg: CfgNode, model: TubeletNetwork | None = None, labels: Sequence[str] | None = None
    ) -> None:
        """Prepare the model; see `NetworkUser`.

        Raises:
            InputError: also if the network would need frames after the snippet, or 3D features of
                other windows.
        """
        _check_causal(cfg)
        super().__init__(cfg, model, labels)
        self.sampler = ClipSampler.from_config(self.cfg)
        self.reset()

    def reset(self) -> None:
        """Forget the stream; the next frame is frame 1 of another."""
        self._frame_number = 0
        self._size: tuple[int, int] | None = None
        self._frames: deque[torch.Tensor] = deque(maxlen=self.sampler.reach)
        self._state = self.detector.init_state()
        protocol = configured_protocol(self.cfg)
        rules = {**vars(protocol.linking), "max_tube_length": MAX_TUBE_LENGTH}
        num_classes = self.cfg.MODEL.STMA.NUM_CLASSES
        self._linker = OnlineLinker(num_classes, self.sampler.snippet_length, **rules)

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
        self._frames.append(self._to_input(frame))
        window = self._frame_number - self.sampler.snippet_length + 1
        if window < 1:
            return StreamStep(self._frame_number)
        tubelets = self._detect(window)
        ended = self._link(tubelets)
        return StreamStep(self._frame_number, window, tubelets, self._linker.live, ended)

    def finish(self) -> list[Tube]:
        """End the stream; the next frame is frame 1 of another.

        Returns:
            The tubes that were still live, whole. A stream shorter than K frames is detected here,
            its last frame repeated as in `VideoPredictor`.
        """
        tubes = []
        if 0 < self._frame_number < self.sampler.snippet_length:
            tubes = self._link(self._detect(1))
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
        """Resize as `ClipDatasetMapper` does: (3, H, W) uint8."""
        geometry = FrameGeometry(width=frame.shape[1], height=frame.shape[0])
        resized = warp_frame(frame, frame.shape[:2], geometry, self.cfg.INPUT.SIZE)
        return torch.from_numpy(resized).permute(2, 0, 1).contiguous()

    @torch.inference_mode()
    def _detect(self, window: int) -> Tubelets:
        """Detect the tubelets of the window that ends with the newest frame."""
        layout = self.sampler.layout([window], self._frame_number)
        numbers, snippet_index, clip_index = map(torch.from_numpy, layout)
        oldest = self._frame_number - len(self._frames) + 1
        sample: Sample = {
            "video_id": "stream",
            "height": self._size[0],
            "width": self._size[1],
            "windows": torch.tensor([window]),
            "frames": torch.stack([self._frames[number - oldest] for number in numbers.tolist()]),
            "frame_numbers": numbers,
            "snippet_index": snippet_index,
            "clip_index": clip_index,
        }
        return self.detector.step(self._state, sample).numpy()

    def _link(self, tubelets: Tubelets) -> list[Tube]:
        return self._linker.push(int(tubelets.windows[0]), tubelets.boxes[0], tubelets.scores[0])


def _check_causal(cfg: CfgNode) -> None:
    """Refuse configurations that look ahead."""
    inputs = cfg.INPUT
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
