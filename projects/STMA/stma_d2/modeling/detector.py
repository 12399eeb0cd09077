"""Walking through videos chunk by chunk, with no frame and no clip computed twice.

Shapes: W windows of a chunk, F its distinct frames, K snippet frames, T clip frames,
N tubelets of a window, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch.nn.parallel import DistributedDataParallel

from ..errors import InputError
from ..structures import Sample, Tubelets
from .features import FrameFeatures
from .network import TubeletNetwork
from .precision import mixed_precision

# A processor is fastest with maps that fit its caches: this many pixels of network input a pass
# (one frame of the paper's size, more of smaller ones). A GPU takes a whole chunk at once.
_CPU_PIXELS_PER_PASS = 288 * 288


@dataclass
class DetectorState:
    """Where a detector stands in a video.

    It belongs to the weights that the network had at its beginning: begin anew when they change.

    Attributes:
        network: the network with these weights, see `TubeletNetwork`.
        next_window: video and first frame of the window that comes next; None at the beginning.
        recent: features of the K - 1 frames that this window shares with the last one: of the
            frames as they are and, with the flip test, of their mirror images.
    """

    network: TubeletNetwork
    next_window: tuple[str, int] | None = None
    recent: tuple[FrameFeatures, ...] = ()


class TubeletDetector:
    """Takes a network through videos.

    Consecutive chunks of a video compute each frame once, in all. A chunk that does not follow on
    the one before (another video, or an order broken by workers or ranks) starts anew, so that the
    results never depend on the order.

    Example:
        >>> detector = TubeletDetector.from_config(cfg, model)
        >>> state = detector.init_state()
        >>> for sample in samples:
        ...     tubelets = detector.step(state, sample)
    """

    def __init__(
        self,
        model: TubeletNetwork,
        *,
        windows_per_clip: int = 1,
        flip: bool = False,
        amp: bool = False,
    ) -> None:
        """Take ``model``, which keeps its mode and device.

        Args:
            model: such as an `STMA`; `DistributedDataParallel` around it is taken off.
            windows_per_clip: so many consecutive windows, counted from the video's first, share
                the 3D features of the middle one's clip; 1 is exact.
            flip: whether to average over the frames and their mirror images, see `STMA.detect`.
            amp: whether to compute in 16 bits, see `mixed_precision`.
        """
        self.model = model.module if isinstance(model, DistributedDataParallel) else model
        self._get_network = self.model.inference_network(amp)
        self.windows_per_clip = windows_per_clip
        self.flip = flip
        self.amp = amp

    @classmethod
    def from_config(cls, cfg: CfgNode, model: TubeletNetwork) -> TubeletDetector:
        """The detector with the `options` of a configuration; see `__init__`."""
        return cls(model, **cls.options(cfg))

    @staticmethod
    def options(cfg: CfgNode) -> dict[str, Any]:
        """Read TEST.CLIP_STRIDE, TEST.FLIP and TEST.AMP, as `__init__` takes them.

        Raises:
            InputError: if windows that share a clip would come in different chunks.
        """
        stride, chunk = cfg.TEST.CLIP_STRIDE, cfg.TEST.WINDOWS_PER_CHUNK
        if chunk % stride:
            raise InputError(
                f"TEST.CLIP_STRIDE is {stride}; it must divide TEST.WINDOWS_PER_CHUNK ({chunk}), "
                "so that windows of one clip come together"
            )
        return {
            "windows_per_clip": stride,
            "flip": cfg.TEST.FLIP,
            "amp": cfg.TEST.AMP.ENABLED,
        }

    def init_state(self) -> DetectorState:
        """The state before the first chunk, for the network's present weights."""
        return DetectorState(self._get_network())

    @torch.no_grad()
    def step(self, state: DetectorState, sample: Sample) -> Tubelets:
        """Detect the tubelets of one chunk's W windows.

        Args:
            state: is brought up to date.
            sample: as for `STMA` in inference; ``video_id`` must tell videos apart.

        Returns:
            The tubelets in the video's own pixels, clipped to the video; windows on the CPU, the
            rest on the network's device, which is not waited for.
        """
        images = _to_device(sample["frames"], self.model.device)
        rows = rows_per_pass(images)
        needed, snippet_index = sample["snippet_index"].unique(return_inverse=True)
        views = (images, images.flip(-1)) if self.flip else (images,)
        with mixed_precision(images.device, self.amp):
            frames = self._frame_features(state, sample, views, needed)
            clips = [self._clip_features(state.network, sample, view) for view in views]
            passes = zip(_to_device(snippet_index, images.device).split(rows), *clips, strict=False)
            parts = []
            for index, clip, *mirrored_clip in passes:
                mirrored = (frames[1], *mirrored_clip) if self.flip else None
                parts.append(state.network.detect(frames[0], index, clip, mirrored))
        boxes, scores = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        height, width = sample["height"], sample["width"]
        scales = width / images.shape[-1], height / images.shape[-2]
        return Tubelets(sample["windows"], boxes, scores).scale(*scales).clip((height, width))

    def _frame_features(
        self,
        state: DetectorState,
        sample: Sample,
        views: tuple[torch.Tensor, ...],
        needed: torch.Tensor,
    ) -> tuple[FrameFeatures, ...]:
        """Features of the ``needed`` frames: those that the chunk before left, then the new."""
        first, last = sample["windows"][0].item(), sample["windows"][-1].item()
        shared = sample["snippet_index"].shape[1] - 1
        recent = state.recent if state.next_window == (sample["video_id"], first) else ()
        new = _to_device(needed[len(recent[0]) if recent else 0 :], views[0].device)
        passes = new.split(rows_per_pass(views[0]))
        frames = tuple(
            FrameFeatures.cat(
                [
                    *recent[number : number + 1],
                    *(state.network.frame_features(view[index]) for index in passes),
                ]
            )
            for number, view in enumerate(views)
        )
        state.next_window = (sample["video_id"], last + 1)
        state.recent = tuple(part[max(len(part) - shared, 0) :] for part in frames)
        return frames

    def _clip_features(
        self, network: TubeletNetwork, sample: Sample, images: torch.Tensor
    ) -> Iterable[torch.Tensor | None]:
        """3D features of each window, pass by pass; Nones without a 3D backbone.

        They are computed once for windows that share a clip.
        """
        if not network.has_clips:
            return repeat(None)
        middles, clip_of_window = shared_clips(sample["windows"], self.windows_per_clip)
        rows = rows_per_pass(images)
        index = _to_device(sample["clip_index"][middles], images.device)
        features = network.clip_features(images, index, rows)
        return features[_to_device(clip_of_window, images.device)].split(rows)


def shared_clips(windows: torch.Tensor, windows_per_clip: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which windows lend their clip, and to whom.

    The windows 1 .. s share a clip, s + 1 .. 2s the next, and so on, whatever chunks they come in
    as long as no chunk divides them. At the video's end fewer may share one.

    Args:
        windows: (W,) int64 1-based first frames, ascending.
        windows_per_clip: s.

    Returns:
        (G,) int64 positions in ``windows`` of the groups' middle windows (the later of two), and
        (W,) int64, each window's group.
    """
    groups = (windows - 1) // windows_per_clip
    _, group_of_window, sizes = groups.unique_consecutive(return_inverse=True, return_counts=True)
    return sizes.cumsum(0) - sizes + sizes // 2, group_of_window


def rows_per_pass(images: torch.Tensor) -> int:
    """How many frames, clips or windows the device of ``images`` (F, 3, H, W) takes at once."""
    if images.device.type != "cpu":
        return len(images)
    return max(1, _CPU_PIXELS_PER_PASS // (images.shape[-2] * images.shape[-1]))


def _to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A copy of the CPU's ``tensor`` on ``device``, which the host does not wait for."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
