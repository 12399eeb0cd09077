"""STMA: the meta-architecture (paper, Fig. 1).

Shapes: B windows, D frames that some snippet holds, K snippet frames, T clip frames,
M instances, N tubelets of a window, C classes, C' heat maps (1 or C), h x w map at stride r_s.
"""

from __future__ import annotations

import torch
from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, META_ARCH_REGISTRY
from detectron2.structures import Instances
from torch import nn

from ..errors import InputError
from .batch import FrameBatch, Sample, TargetBatch, batch_frames, batch_targets
from .decoding import class_scores, find_peaks, follow_centers, read_boxes
from .detections import WindowDetections
from .features import FrameFeatures, WindowMaps
from .heads import TUBELET_HEAD_REGISTRY
from .losses import (
    center_focal_loss,
    classification_loss,
    movement_loss,
    size_giou_loss,
    size_l1_loss,
)
from .precision import channels_last_on_gpu
from .sampling import read_pixels, read_points


@META_ARCH_REGISTRY.register()
class STMA(nn.Module):
    """Spatio-Temporal Motion Aggregation network for tubelet detection.

    The 2D backbone runs once on each distinct frame, the 3D backbone on each window's clip. The
    steps are public, so that whoever walks through a video can keep what they give:
    `frame_features` and `clip_features`, then `detect`.
    """

    @configurable
    def __init__(
        self,
        *,
        backbone: nn.Module,
        backbone_3d: nn.Module | None,
        center_head: nn.Module,
        movement_head: nn.Module,
        size_head: nn.Module,
        action_head: nn.Module | None,
        gaussian_movement: bool,
        num_classes: int,
        tubelets_per_window: int,
        loss_weights: dict[str, float],
        pixel_stats: tuple[list[float], list[float]],
        clip_pixel_stats: tuple[list[float], list[float]],
        clip_format: str,
        compile_backbones: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            backbone: 2D backbone, (D, 3, H, W) -> (D, c, h, w).
            backbone_3d: 3D backbone, (B, 3, T, H, W) -> (B, c', T', h', w'), or None.
            center_head: heat map of the key frame's centers.
            movement_head: offsets of the other frames' centers.
            size_head: extent of the boxes, per frame.
            action_head: class map; None with class-aware center localization.
            gaussian_movement: whether movement is trained on Gaussian areas (Eq. 5), not on the
                center's pixel.
            num_classes: C.
            tubelets_per_window: N.
            loss_weights: total weight of each loss by its name (Eq. 8 and 9 multiplied out).
            pixel_stats: mean and std of the 2D backbone's input, 8-bit levels, BGR.
            clip_pixel_stats: mean and std of the 3D backbone's input, in its own color order.
            clip_format: that order, "BGR" or "RGB".
            compile_backbones: whether PyTorch compiles the backbones at their first use.

        Raises:
            InputError: for another ``clip_format``.
        """
        super().__init__()
        if clip_format not in ("BGR", "RGB"):
            raise InputError(
                f"MODEL.BACKBONE_3D.INPUT_FORMAT is {clip_format!r}; it must be 'BGR' or 'RGB'"
            )
        self.backbone = backbone
        self.backbone_3d = backbone_3d
        self.center_head = center_head
        self.movement_head = movement_head
        self.size_head = size_head
        self.action_head = action_head
        self.gaussian_movement = gaussian_movement
        self.num_classes = num_classes
        self.tubelets_per_window = tubelets_per_window
        self.loss_weights = loss_weights
        self.clip_format = clip_format
        self.stride = _single_output(backbone).stride
        self.clip_stride = self.stride * 8  # three stride-2 convolutions in the action head
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in pixel_stats)
        clip_mean, clip_std = (torch.tensor(v).view(3, 1, 1, 1) for v in clip_pixel_stats)
        self.register_buffer("pixel_mean", mean, persistent=False)
        self.register_buffer("pixel_std", std, persistent=False)
        self.register_buffer("clip_mean", clip_mean, persistent=False)
        self.register_buffer("clip_std", clip_std, persistent=False)
        if compile_backbones:  # in place: a module around them would rename their weights
            for module in filter(None, (backbone, backbone_3d)):
                module.compile()

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict:
        """Build the parts that the configuration names; see `__init__`."""
        model, stma = cfg.MODEL, cfg.MODEL.STMA
        heads = TUBELET_HEAD_REGISTRY
        image = ShapeSpec(channels=3)
        backbone = BACKBONE_REGISTRY.get(model.BACKBONE.NAME)(cfg, image)
        channels = _single_output(backbone).channels
        backbone_3d, action_head = None, None
        if stma.CENTER.CLASS_AGNOSTIC:
            clip_channels = 0
            if model.BACKBONE_3D.NAME:
                backbone_3d = BACKBONE_REGISTRY.get(model.BACKBONE_3D.NAME)(cfg, image)
                clip_channels = _single_output(backbone_3d).channels
            action_head = heads.get(stma.ACTION.NAME)(cfg, channels, clip_channels)
        elif model.BACKBONE_3D.NAME:
            raise InputError(
                "class-aware localization (MODEL.STMA.CENTER.CLASS_AGNOSTIC False) has no action "
                "head that could use MODEL.BACKBONE_3D; set MODEL.BACKBONE_3D.NAME to ''"
            )
        weights = stma.LOSS_WEIGHT
        return {
            "backbone": backbone,
            "backbone_3d": backbone_3d,
            "center_head": heads.get(stma.CENTER.NAME)(cfg, channels),
            "movement_head": heads.get(stma.MOVEMENT.NAME)(cfg, channels),
            "size_head": heads.get(stma.SIZE.NAME)(cfg, channels),
            "action_head": action_head,
            "gaussian_movement": stma.MOVEMENT.GAUSSIAN,
            "num_classes": stma.NUM_CLASSES,
            "tubelets_per_window": cfg.TEST.TUBELETS_PER_WINDOW,
            "loss_weights": {
                "loss_cls": weights.CLS,
                "loss_center": weights.CENTER,
                "loss_movement": weights.REG,
                "loss_size": weights.REG * weights.SIZE,
            },
            "pixel_stats": (model.PIXEL_MEAN, model.PIXEL_STD),
            "clip_pixel_stats": (model.BACKBONE_3D.PIXEL_MEAN, model.BACKBONE_3D.PIXEL_STD),
            "clip_format": model.BACKBONE_3D.INPUT_FORMAT,
            "compile_backbones": model.COMPILE,
        }

    @property
    def device(self) -> torch.device:
        """The device of the network's weights."""
        return self.pixel_mean.device

    def forward(
        self, batched_inputs: list[Sample]
    ) -> dict[str, torch.Tensor] | list[list[Instances]]:
        """Detect tubelets, or compute the losses in training mode.

        Args:
            batched_inputs: samples (chunks of windows); each a dict with

                * frames: (F, 3, H, W) uint8 BGR, the chunk's distinct frames at the network's size
                * snippet_index: (W, K) int64 into ``frames``
                * clip_index: (W, T) int64 into ``frames``
                * height, width: int, the video's own size (inference)
                * windows: (W,) int64, 1-based first frames (inference)
                * targets (training): dict of tensors, see `TargetBatch`; W is then 1

        Returns:
            In training a dict of weighted losses: loss_center, loss_movement, loss_size and, with
            an action head, loss_cls. Otherwise for each sample a list over its windows of
            ``Instances`` of the video's size with ``tubelets`` (`TubeletBoxes`, video pixels),
            ``scores`` (N, C) and ``window`` (N,), the window's first frame.
        """
        batch = batch_frames(batched_inputs, self.device)
        frames = self.frame_features(batch.frames[batch.detected])
        clips = None
        if self.backbone_3d is not None:
            clips = self.clip_features(batch.frames[batch.clip_index])
        if self.training:
            maps = self.window_maps(frames, batch.snippet_index, clips)
            targets = batch_targets(batched_inputs, self.device)
            return self.losses(frames, maps, batch, targets)
        detections = self.detect(frames, batch.snippet_index, clips)
        counts = [len(sample["windows"]) for sample in batched_inputs]
        return [
            part.instances(
                sample["windows"], (sample["height"], sample["width"]), batch.frames.shape[-2:]
            )
            for sample, part in zip(batched_inputs, detections.split(counts), strict=True)
        ]

    def frame_features(self, frames: torch.Tensor) -> FrameFeatures:
        """Compute everything that depends on one frame alone.

        Args:
            frames: (D, 3, H, W) uint8 BGR on the network's device.
        """
        images = channels_last_on_gpu((frames - self.pixel_mean) / self.pixel_std)
        features = channels_last_on_gpu(self.backbone(images))
        return FrameFeatures(
            features=features,
            size=self.size_head(features),
            action=None if self.action_head is None else self.action_head.forward_frames(features),
        )

    def clip_features(self, clips: torch.Tensor) -> torch.Tensor:
        """Run the 3D backbone; only for a network that has one.

        Args:
            clips: (B, T, 3, H, W) uint8 BGR on the network's device.

        Returns:
            (B, c', T', h / 8, w / 8).
        """
        clips = clips.transpose(1, 2)
        if self.clip_format == "RGB":
            clips = clips.flip(1)
        return self.backbone_3d((clips - self.clip_mean) / self.clip_std)

    def window_maps(
        self, frames: FrameFeatures, snippet_index: torch.Tensor, clips: torch.Tensor | None
    ) -> WindowMaps:
        """Run the heads that see whole snippets; arguments as for `detect`."""
        snippets = frames.features[snippet_index]  # (B, K, c, h, w)
        action = None
        if self.action_head is not None:
            action = self.action_head(frames.action[snippet_index], clips)
        return WindowMaps(self.center_head(snippets), self.movement_head(snippets), action)

    def detect(
        self, frames: FrameFeatures, snippet_index: torch.Tensor, clips: torch.Tensor | None
    ) -> WindowDetections:
        """Detect the tubelets of B windows (paper, section 2.5).

        Args:
            frames: of D frames, from `frame_features`.
            snippet_index: (B, K) int64, positions of each window's snippet among these frames.
            clips: (B, c', T', h / 8, w / 8) from `clip_features`; None without a 3D backbone.
        """
        maps = self.window_maps(frames, snippet_index, clips)
        return self.decode(maps, frames.size[snippet_index])

    def decode(self, maps: WindowMaps, sizes: torch.Tensor) -> WindowDetections:
        """Turn maps into tubelets, in single precision.

        Args:
            maps: of B windows.
            sizes: (B, K, 4 or 2, h, w), the size maps of their snippets' frames.
        """
        peaks = find_peaks(maps.center, self.tubelets_per_window)
        centers = follow_centers(peaks, maps.movement)
        class_logits = None
        if maps.action is not None:
            points = peaks.pixels_xy.float() * self.stride
            class_logits = read_points(maps.action, points, self.clip_stride)
        return WindowDetections(
            boxes=read_boxes(peaks, centers, sizes, self.stride),
            scores=class_scores(peaks, self.num_classes, class_logits),
        )

    def losses(
        self, frames: FrameFeatures, maps: WindowMaps, batch: FrameBatch, targets: TargetBatch
    ) -> dict[str, torch.Tensor]:
        """Compute the weighted losses of Eq. 9, by name."""
        num_instances, num_frames = targets.centers.shape[:2]
        key_centers = targets.centers[:, num_frames // 2]
        # Eq. 4; a single sample (MOC) starts from its pixel, which is where inference starts.
        origin = key_centers if self.gaussian_movement else key_centers.floor()
        offsets = (targets.centers - origin[:, None]).flatten(1)  # (M, 2K)
        movement = read_pixels(
            maps.movement, targets.windows[targets.movement_instances], targets.movement_pixels
        )
        losses = {
            "loss_center": center_focal_loss(maps.center, targets.heatmap, num_instances),
            "loss_movement": movement_loss(
                movement,
                offsets[targets.movement_instances],
                targets.movement_weights,
                num_instances,
            ),
            "loss_size": self._size_loss(frames.size, batch, targets),
        }
        if maps.action is not None:
            points = key_centers[:, None] * self.stride
            logits = read_points(maps.action[targets.windows], points, self.clip_stride)
            losses["loss_cls"] = classification_loss(logits[:, 0], targets.labels)
        return {name: loss * self.loss_weights[name] for name, loss in losses.items()}

    def _size_loss(
        self, size_maps: torch.Tensor, batch: FrameBatch, targets: TargetBatch
    ) -> torch.Tensor:
        instances, frames = targets.size_instances, targets.size_frames
        rows = batch.snippet_index[targets.windows[instances], frames]
        predicted = read_pixels(size_maps, rows, targets.size_pixels)
        boxes = targets.boxes[instances, frames]
        num_boxes = targets.boxes.shape[0] * targets.boxes.shape[1]
        if predicted.shape[1] == 4:
            width = size_maps.shape[-1]
            pixels = targets.size_pixels
            points = torch.stack([pixels % width, pixels // width], dim=1) * self.stride
            return size_giou_loss(predicted, points, boxes, targets.size_weights, num_boxes)
        sizes_wh = (boxes[:, 2:] - boxes[:, :2]) / self.stride
        return size_l1_loss(predicted, sizes_wh, targets.size_weights, num_boxes)


def _single_output(backbone: nn.Module) -> ShapeSpec:
    (spec,) = backbone.output_shape().values()
    return spec
