"""Which frames of a video the network sees: windows, snippets and clips.

Frame numbers and windows are 1-based; a window is named by its snippet's first frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from fvcore.common.config import CfgNode

from ..errors import InputError
from ..structures import Tube

POSITIONS = ("middle", "end")


@dataclass(frozen=True)
class ClipSampler:
    """Says which frames belong to a window.

    Attributes:
        snippet_length: K, the consecutive frames that are detected; odd.
        clip_length: T, the frames that the 3D backbone sees; at least K.
        position: of the snippet in the clip, "middle" or "end" (nothing later is seen).
        frame_stride: s, from one frame of the clip to the next; the snippet's are consecutive.
        stride_jitter: how far s may be drawn from ``frame_stride`` in training, see `draw`.
    """

    snippet_length: int
    clip_length: int
    position: str = "middle"
    frame_stride: int = 1
    stride_jitter: int = 0

    def __post_init__(self) -> None:
        """Check that the snippet lies inside the clip, and that no stride can be 0.

        Raises:
            InputError: naming the configuration keys, if not.
        """
        if self.snippet_length > self.clip_length:
            raise InputError(
                f"INPUT.SNIPPET_LENGTH ({self.snippet_length}) is greater than INPUT.CLIP_LENGTH "
                f"({self.clip_length}); the snippet must lie inside the clip"
            )
        if self.stride_jitter >= self.frame_stride:
            raise InputError(
                f"INPUT.CLIP_FRAME_STRIDE_JITTER ({self.stride_jitter}) must be less than "
                f"INPUT.CLIP_FRAME_STRIDE ({self.frame_stride}): every stride must be at least 1"
            )

    @classmethod
    def from_config(cls, cfg: CfgNode) -> ClipSampler:
        """Read ``cfg.INPUT``; without a 3D backbone the clip is the snippet: T = K, s = 1."""
        inputs = cfg.INPUT
        if not cfg.MODEL.BACKBONE_3D.NAME:
            return cls(inputs.SNIPPET_LENGTH, inputs.SNIPPET_LENGTH, inputs.SNIPPET_POSITION)
        return cls(
            inputs.SNIPPET_LENGTH,
            inputs.CLIP_LENGTH,
            inputs.SNIPPET_POSITION,
            inputs.CLIP_FRAME_STRIDE,
            inputs.CLIP_FRAME_STRIDE_JITTER,
        )

    def draw(self, rng: np.random.Generator) -> ClipSampler:
        """The sampler of one training clip: its stride is drawn, each value equally likely.

        Without jitter it is this sampler, and nothing is drawn.
        """
        if not self.stride_jitter:
            return self
        drawn = rng.integers(-self.stride_jitter, self.stride_jitter, endpoint=True)
        return replace(self, frame_stride=self.frame_stride + int(drawn), stride_jitter=0)

    @property
    def reach(self) -> int:
        """How many frames a clip spans, from its first to its last."""
        return (self.clip_length - 1) * self.frame_stride + 1

    def num_windows(self, num_frames: int) -> int:
        """The number of windows 1, 2, ... of a video; one shorter than K has the window 1."""
        return max(num_frames - self.snippet_length + 1, 1)

    def snippet_frames(self, window: int, num_frames: int) -> np.ndarray:
        """The frames that are detected: ``window`` and the K - 1 next.

        Returns:
            (K,) int64; beyond the video's end its last frame repeats.
        """
        frames = np.arange(window, window + self.snippet_length, dtype=np.int64)
        return np.clip(frames, 1, num_frames)

    def clip_frames(self, window: int, num_frames: int) -> np.ndarray:
        """The frames that the 3D backbone sees.

        They go in steps of s to both sides of the key frame, which stands in the clip where it
        stands with s = 1 (then (T - K) // 2 frames come before the snippet); or up to the snippet's
        last frame, where the snippet ends the clip.

        Returns:
            (T,) int64; beyond the video's ends the edge frame repeats.
        """
        length, others = self.snippet_length, self.clip_length - self.snippet_length
        in_snippet, before = (
            (length - 1, others) if self.position == "end" else (length // 2, others // 2)
        )
        steps = np.arange(self.clip_length, dtype=np.int64) - (before + in_snippet)
        return np.clip(window + in_snippet + steps * self.frame_stride, 1, num_frames)

    def layout(
        self, windows: Sequence[int] | np.ndarray, num_frames: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The distinct frames of W windows, and where each window finds its own among them.

        Args:
            windows: (W,) first frames.
            num_frames: of the video.

        Returns:
            frame numbers (F,) ascending, snippet index (W, K), clip index (W, T); all int64. The
            two indexes hold positions in the frame numbers.
        """
        snippets = np.stack([self.snippet_frames(window, num_frames) for window in windows])
        clips = np.stack([self.clip_frames(window, num_frames) for window in windows])
        numbers = np.unique(np.concatenate([snippets, clips], axis=1))
        return numbers, np.searchsorted(numbers, snippets), np.searchsorted(numbers, clips)

    def training_windows(self, num_frames: int, tubes: Sequence[Tube]) -> np.ndarray:
        """The windows that training may use, by the rule of ACT and MOC.

        The snippet's K frames lie wholly inside or wholly outside every tube, and wholly inside at
        least one. A video shorter than K has none.

        Returns:
            (n,) int64, ascending.

        Raises:
            InputError: if a tube leaves the video's frames 1 .. ``num_frames``.
        """
        return np.flatnonzero(self._can_train(num_frames, tubes)) + 1

    def background_windows(self, num_frames: int, tubes: Sequence[Tube]) -> np.ndarray:
        """All other windows: those without an action, or cut by the start or end of one.

        Returns:
            (n,) int64, ascending.

        Raises:
            InputError: see `training_windows`.
        """
        return np.flatnonzero(~self._can_train(num_frames, tubes)) + 1

    def _can_train(self, num_frames: int, tubes: Sequence[Tube]) -> np.ndarray:
        """(windows of K whole frames,) bool."""
        length = self.snippet_length
        num_windows = max(num_frames - length + 1, 0)
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
            inside = up_to[length:] - up_to[:-length]  # of each window's K frames
            undivided &= (inside == 0) | (inside == length)
            occupied |= inside == length
        return undivided & occupied

    def snippet_instances(
        self, tubes: Sequence[Tube], window: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ground truth of one window: the tubes that hold all its K frames.

        Returns:
            boxes (M, K, 4) float32 in the video's own pixels, labels (M,) int64.
        """
        frames = np.arange(window, window + self.snippet_length)
        boxes, labels = [], []
        for tube in tubes:
            own = slice(*np.searchsorted(tube.frames, [window, window + self.snippet_length]))
            if np.array_equal(tube.frames[own], frames):
                boxes.append(tube.boxes[own])
                labels.append(tube.label)
        return (
            np.asarray(boxes, dtype=np.float32).reshape(-1, self.snippet_length, 4),
            np.asarray(labels, dtype=np.int64),
        )
