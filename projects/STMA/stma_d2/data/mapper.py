"""From a few windows of a video to the network's input (and, in training, its targets)."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from fvcore.common.config import CfgNode

from ..errors import InputError
from ..structures import Sample, VideoDict, WindowsOfVideo
from .augmentation import (
    AugmentationRules,
    PhotometricDistortion,
    distort_frame,
    draw_augmentation,
)
from .clip_sampler import ClipSampler
from .geometry import FrameGeometry, warp_frame
from .recent_frames import RecentFrames
from .targets import TargetRules, make_targets


class ClipDatasetMapper:
    """Makes samples of the items of `WindowIndex` and `ChunkIndex`.

    Letters: W = windows of the item, K = snippet length, T = clip length, F = distinct frames.
    For an item the mapper

    1. lists the distinct frames of its windows' clips, and where each window finds its own; with
       augmentation, the step between a clip's frames is drawn first;
    2. in training, draws ONE augmentation for all of them from the snippet's boxes;
    3. in training, maps the boxes likewise and makes the targets;
    4. reads each of the frames once: whole, or with augmentation at a reduced scale where the
       draw shrinks them at least as much;
    5. warps each frame once to the network's input (without augmentation: resizes it) and distorts
       the colors of the pixels that show it.

    Random numbers come from the item's own seed: the same item gives the same sample, whatever
    came before and whichever process makes it.
    """

    def __init__(
        self,
        *,
        input_size: tuple[int, int],
        sampler: ClipSampler,
        fill_color: tuple[int, int, int] = (0, 0, 0),
        augmentation: AugmentationRules | None = None,
        targets: TargetRules | None = None,
        conceal_damage: bool = False,
    ) -> None:
        """Remember how samples are made.

        Args:
            input_size: height and width of the network's input.
            sampler: which frames belong to a window.
            fill_color: 8-bit BGR, of the canvas around an expanded frame.
            augmentation: None for evaluation.
            targets: None for evaluation.
            conceal_damage: of damaged video files, see `open_frames`; else their indexes are kept
                beside them.
        """
        self.input_size = tuple(input_size)
        self.sampler = sampler
        self.fill_color = fill_color
        self.augmentation = augmentation
        self.targets = targets
        self._recent_frames = RecentFrames(conceal_damage)

    @classmethod
    def from_config(
        cls,
        cfg: CfgNode,
        is_train: bool = True,
        stride: int | None = None,
        *,
        conceal_damage: bool = False,
    ) -> ClipDatasetMapper:
        """Make the mapper of a configuration.

        Args:
            cfg: the configuration.
            is_train: whether samples are augmented and have targets.
            stride: network-input pixels per pixel of the network's feature map, ``STMA.stride``; in
                training only, for the targets.
            conceal_damage: see `__init__`.

        Raises:
            ValueError: if the stride is missing in training.
        """
        if is_train and stride is None:
            raise ValueError("ClipDatasetMapper needs the network's stride to make targets")
        return cls(
            input_size=tuple(cfg.INPUT.SIZE),
            sampler=ClipSampler.from_config(cfg),
            fill_color=tuple(round(level) for level in cfg.MODEL.PIXEL_MEAN),
            augmentation=(
                AugmentationRules.from_config(cfg.INPUT.AUGMENTATION) if is_train else None
            ),
            targets=TargetRules.from_config(cfg, stride) if is_train else None,
            conceal_damage=conceal_damage,
        )

    def __call__(self, item: WindowsOfVideo) -> Sample:
        """Make a sample.

        Args:
            item: a video and its windows; where targets are made, just one. A seed, where there
                is augmentation.

        Returns:
            The sample, without targets in evaluation.

        Raises:
            InputError: naming the video, if its frames cannot be read or have another
                size than its annotation says.
        """
        video, windows = item["video"], item["windows"]
        size = (video["height"], video["width"])
        sampler = self.sampler
        if self.augmentation is not None:
            rng = np.random.default_rng(item["seed"])
            sampler = sampler.draw(rng)
        numbers, snippet_index, clip_index = sampler.layout(windows, video["num_frames"])
        geometry = FrameGeometry(width=video["width"], height=video["height"])
        distortion, reduction = PhotometricDistortion(), 1
        sample: Sample = {
            "video_id": video["video_id"],
            "height": video["height"],
            "width": video["width"],
            "windows": torch.as_tensor(windows),
            "frame_numbers": torch.from_numpy(numbers),
            "snippet_index": torch.from_numpy(snippet_index),
            "clip_index": torch.from_numpy(clip_index),
        }
        if self.targets is not None:
            (window,) = windows
            boxes, labels = self.sampler.snippet_instances(video["tubes"], window)
            if self.augmentation is not None:
                drawn = draw_augmentation(self.augmentation, size, boxes, rng)
                geometry, distortion = drawn.geometry, drawn.distortion
                reduction = geometry.reduction(self.input_size)
                boxes, labels = boxes[list(drawn.instances)], labels[list(drawn.instances)]
            sample["targets"] = make_targets(
                torch.from_numpy(geometry.boxes_on_input(boxes, self.input_size)),
                torch.from_numpy(labels),
                self.input_size,
                self.targets,
            )
        frames = self._read(video, numbers.tolist(), reduction)
        sample["frames"] = self._warp(frames, size, geometry, distortion)
        return sample

    def _read(self, video: VideoDict, numbers: list[int], reduction: int) -> list[np.ndarray]:
        size = (video["height"], video["width"])
        try:
            return self._recent_frames.read(video["path"], size, numbers, reduction)
        except (OSError, ValueError) as error:
            raise InputError(
                f"video '{video['video_id']}' (by its annotation {video['num_frames']} frames of "
                f"{size[1]} x {size[0]}): {error}"
            ) from error

    def _warp(
        self,
        frames: list[np.ndarray],
        frame_size: tuple[int, int],
        geometry: FrameGeometry,
        distortion: PhotometricDistortion,
    ) -> torch.Tensor:
        stack = np.empty((len(frames), 3, *self.input_size), dtype=np.uint8)
        rows, columns = geometry.covered(frame_size, self.input_size)
        shown = stack[:, :, rows, columns]
        if shown.size < stack.size:
            stack[:] = np.array(self.fill_color, dtype=np.uint8)[:, None, None]
        if shown.size:
            for frame, planes in zip(frames, shown, strict=True):
                warped = warp_frame(frame, frame_size, geometry, self.input_size)
                cv2.split(distort_frame(warped, distortion), list(planes))
        return torch.from_numpy(stack)
