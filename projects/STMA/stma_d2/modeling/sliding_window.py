"""Walking through videos window by window without computing anything twice.

Shapes: W windows of a chunk, F its distinct frames, K snippet frames, T clip frames,
N tubelets of a window, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat

import torch
from detectron2.config import CfgNode, configurable
from detectron2.structures import Instances
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import InputError
from .batch import Sample
from .detections import WindowDetections
from .features import FrameFeatures
from .meta_arch import STMA
from .precision import mixed_precision

# A processor is fastest with maps that fit its caches: this many pixels of network input a pass
# (one frame of the paper's size, more of smaller ones). A GPU takes a whole chunk at once.
_CPU_PIXELS_PER_PASS = 288 * 288


# A batch, its results on their way to the CPU, and when they are there (on a GPU).
_Begun = tuple[list[Sample], list[WindowDetections], torch.cuda.Event | None]


class SlidingWindow(nn.Module):
    """A network that remembers the last frames' features from one chunk to the next.

    In place of the network in an evaluation or prediction: consecutive chunks of a video then
    compute each frame once, in all. A chunk that does not follow on the one before (another video,
    or an order broken by workers or ranks) starts anew, so the results never depend on the order.

    What is remembered belongs to the network's present weights: use one object per evaluation, or
    `reset` it. Switching to training or evaluation mode resets it too.
    """

    @configurable
    def __init__(self, model: STMA, *, windows_per_clip: int = 1, amp: bool = False) -> None:
        """Wrap ``model``, which keeps its mode and device.

        Args:
            model: the network; `DistributedDataParallel` around it is taken off.
            windows_per_clip: so many consecutive windows, counted from the video's first, share
                the 3D features of the middle one's clip; 1 is exact.
            amp: whether to compute in 16 bits, see `mixed_precision`.
        """
        super().__init__()
        self.model = model.module if isinstance(model, DistributedDataParallel) else model
        self.windows_per_clip = windows_per_clip
        self.amp = amp
        self.train(model.training)

    @classmethod
    def from_config(cls, cfg: CfgNode, model: STMA) -> dict:
        """Read TEST.CLIP_STRIDE and TEST.AMP; see `__init__`.

        Raises:
            InputError: if windows that share a clip would come in different chunks.
        """
        stride, chunk = cfg.TEST.CLIP_STRIDE, cfg.TEST.WINDOWS_PER_CHUNK
        if stride < 1 or chunk % stride:
            raise InputError(
                f"TEST.CLIP_STRIDE is {stride}; it must be positive and divide "
                f"TEST.WINDOWS_PER_CHUNK ({chunk}), so that windows of one clip come together"
            )
        return {"model": model, "windows_per_clip": stride, "amp": cfg.TEST.AMP.ENABLED}

    def reset(self) -> None:
        """Forget the frames seen so far."""
        self._next_window: tuple[str, int] | None = None  # of which video, and its first frame
        self._recent: FrameFeatures | None = None  # of the K - 1 frames that it shares

    def train(self, mode: bool = True) -> SlidingWindow:
        """Set the network's mode, and forget: training changes the weights."""
        self.reset()
        return super().train(mode)

    def forward(self, batched_inputs: list[Sample]) -> list[list[Instances]]:
        """Detect tubelets in chunks of consecutive windows, and wait for the results.

        Args:
            batched_inputs: as for `STMA` in evaluation, with ``video_id`` (str), which must tell
                videos apart; any number of chunks.

        Returns:
            As `STMA` in evaluation, on the CPU.
        """
        ((_, results),) = self.walk([batched_inputs])
        return results

    def walk(
        self, batches: Iterable[list[Sample]]
    ) -> Iterator[tuple[list[Sample], list[list[Instances]]]]:
        """Detect tubelets in many batches; a GPU never waits for the host in between.

        A batch's results are waited for only when the GPU has been given the next batch.

        Args:
            batches: each as for `forward`.

        Yields:
            each batch with what `forward` returns for it, in order.
        """
        begun = None
        for batch in batches:
            before, begun = begun, self._begin(batch)
            if before is not None:
                yield _finish(*before)
        if begun is not None:
            yield _finish(*begun)

    def _begin(self, batch: list[Sample]) -> _Begun:
        """Give a batch to the device; its results and when they are there."""
        results = [self.detect(sample).start_copy_to_cpu() for sample in batch]
        ready = None
        if self.model.device.type == "cuda":
            ready = torch.cuda.Event()
            ready.record()
        return batch, results, ready

    @torch.no_grad()
    def detect(self, sample: Sample) -> WindowDetections:
        """Detect the tubelets of one chunk's W windows; the device is not waited for."""
        images = _to_device(sample["frames"], self.model.device)
        rows = rows_per_pass(images)
        needed, snippet_index = sample["snippet_index"].unique(return_inverse=True)
        snippets = _to_device(snippet_index, images.device).split(rows)
        with mixed_precision(images.device, self.amp):
            frames = self._frame_features(sample, images, needed)
            clips = self._clip_features(sample, images)
            clips = repeat(None) if clips is None else clips.split(rows)
            parts = [
                self.model.detect(frames, snippet_index, clip)
                for snippet_index, clip in zip(snippets, clips, strict=False)
            ]
        return WindowDetections.cat(parts)

    def _frame_features(
        self, sample: Sample, images: torch.Tensor, needed: torch.Tensor
    ) -> FrameFeatures:
        """Features of the ``needed`` frames: those that the chunk before left, then the new."""
        first, last = sample["windows"][0].item(), sample["windows"][-1].item()
        shared = sample["snippet_index"].shape[1] - 1
        parts = []
        if self._recent is not None and self._next_window == (sample["video_id"], first):
            parts.append(self._recent)
            needed = needed[len(self._recent) :]
        index = _to_device(needed, images.device).split(rows_per_pass(images))
        frames = FrameFeatures.cat(parts + [self.model.frame_features(images[i]) for i in index])
        self._next_window = (sample["video_id"], last + 1)
        self._recent = frames.select(slice(max(len(frames) - shared, 0), None))
        return frames

    def _clip_features(self, sample: Sample, images: torch.Tensor) -> torch.Tensor | None:
        """3D features of each window, computed once for those that share a clip."""
        if self.model.backbone_3d is None:
            return None
        middles, clip_of_window = shared_clips(sample["windows"], self.windows_per_clip)
        index = _to_device(sample["clip_index"][middles], images.device)
        parts = [self.model.clip_features(images[i]) for i in index.split(rows_per_pass(images))]
        return torch.cat(parts)[_to_device(clip_of_window, images.device)]


def _finish(
    batch: list[Sample], results: list[WindowDetections], ready: torch.cuda.Event | None
) -> tuple[list[Sample], list[list[Instances]]]:
    """Wait for the results of a batch and wrap them."""
    if ready is not None:
        ready.synchronize()
    return batch, [
        found.instances(
            sample["windows"], (sample["height"], sample["width"]), sample["frames"].shape[-2:]
        )
        for sample, found in zip(batch, results, strict=True)
    ]


def _to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A copy of the CPU's ``tensor`` on ``device``, which the host does not wait for."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


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
