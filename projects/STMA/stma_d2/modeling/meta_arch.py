"""STMA: the meta-architecture (paper, Fig. 1).

Shapes: B windows, D frames that some snippet holds, K snippet frames, T clip frames,
M instances, N tubelets of a window, C classes, C' heat maps (1 or C), h x w map of the 2D backbone,
h' x w' map of the 3D backbone and the action head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from detectron2.config import CfgNode, configurable
from detectron2.modeling import META_ARCH_REGISTRY
from torch import nn

from ..errors import InputError
from ..structures import Sample, Tubelets
from .backbone import FeatureBackbone, SharedStemNet3D, build_backbone_2d, build_backbone_3d
from .batch import TargetBatch, batch_frames, batch_targets
from .detector import TubeletDetector
from .features import FrameFeatures, WindowMaps
from .heads import TUBELET_HEAD_REGISTRY, SizeHead
from .inference_network import InferenceNetwork
from .losses import center_focal_loss, classification_loss, loss_divisors, movement_distance
from .network import TubeletNetwork
from .point_sample import point_sample, read_pixels
from .precision import channels_last_where_faster, select_snippets


@META_ARCH_REGISTRY.register()
class STMA(TubeletNetwork):
    """Spatio-Temporal Motion Aggregation network for tubelet detection.

    The 2D backbone runs once on each distinct frame, the 3D backbone on each window's clip.
    """

    @configurable
    def __init__(
        self,
        *,
        backbone: FeatureBackbone,
        backbone_3d: FeatureBackbone | None,
        center_head: nn.Module,
        movement_head: nn.Module,
        size_head: SizeHead,
        action_head: nn.Module | None,
        gaussian_movement: bool,
        num_classes: int,
        tubelets_per_window: int,
        loss_weights: dict[str, float],
        loss_normalizer: str,
        pixel_stats: tuple[list[float], list[float]],
        clip_pixel_stats: tuple[list[float], list[float]],
        clip_format: str,
        compile_backbones: bool = False,
        detector_options: dict[str, Any] | None = None,
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
            loss_normalizer: "weights" or "instances", see `loss_divisors`.
            pixel_stats: mean and std of the 2D backbone's input, 8-bit levels, BGR.
            clip_pixel_stats: mean and std of the 3D backbone's input, in its own color order.
            clip_format: that order, "BGR" or "RGB".
            compile_backbones: whether PyTorch compiles the backbones at their first use.
            detector_options: of the `TubeletDetector` by which the network itself detects.
        """
        super().__init__()
        self.backbone = backbone.module
        self.backbone_3d = None if backbone_3d is None else backbone_3d.module
        self.center_head = center_head
        self.movement_head = movement_head
        self.size_head = size_head
        self.action_head = action_head
        self.box_coder = size_head.box_coder
        self.num_classes = num_classes
        self.tubelets_per_window = tubelets_per_window
        self.loss_weights = loss_weights
        self.loss_normalizer = loss_normalizer
        self.clip_format = clip_format
        self.stride = backbone.shape.stride
        # Eq. 4 measures movement from the key frame's center. Inference starts from its pixel: what
        # the pixel lacks of the center is learnt where the single pixel is trained (MOC), and where
        # boxes lie around the center itself.
        self.movement_from_pixel = not gaussian_movement or self.box_coder.needs_exact_centers
        self._detector_options = detector_options or {}
        self._feature = backbone.feature
        self._feature_3d = "" if backbone_3d is None else backbone_3d.feature
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in pixel_stats)
        clip_mean, clip_std = (torch.tensor(v).view(3, 1, 1, 1) for v in clip_pixel_stats)
        self.register_buffer("pixel_mean", mean, persistent=False)
        self.register_buffer("pixel_std", std, persistent=False)
        self.register_buffer("clip_mean", clip_mean, persistent=False)
        self.register_buffer("clip_std", clip_std, persistent=False)
        if compile_backbones:  # in place: a module around them would rename their weights
            for module in filter(None, (self.backbone, self.backbone_3d)):
                module.compile()

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict:
        """Build the parts that the configuration names; see `__init__`.

        Raises:
            InputError: naming the key, if parts and input size do not fit together.
        """
        model, stma = cfg.MODEL, cfg.MODEL.STMA
        backbone = build_backbone_2d(cfg)
        backbone_3d, action_head = None, None
        divisors = [backbone.size_divisibility]
        if stma.CENTER.CLASS_AGNOSTIC:
            if model.BACKBONE_3D.NAME:
                backbone_3d = build_backbone_3d(cfg)
                divisors.append(backbone_3d.size_divisibility)
            clip_shape = None if backbone_3d is None else backbone_3d.shape
            action_head = _get_head(cfg, "ACTION")(cfg, backbone.shape, clip_shape)
            divisors.append(action_head.stride)
        elif model.BACKBONE_3D.NAME:
            raise InputError(
                "class-aware localization (MODEL.STMA.CENTER.CLASS_AGNOSTIC False) has no action "
                "head that could use MODEL.BACKBONE_3D; set MODEL.BACKBONE_3D.NAME to ''"
            )
        divisor = math.lcm(*divisors)
        if any(side % divisor for side in cfg.INPUT.SIZE):
            raise InputError(
                f"INPUT.SIZE is {tuple(cfg.INPUT.SIZE)}; both sides must be multiples of "
                f"{divisor}, the network's greatest stride"
            )
        weights = stma.LOSS_WEIGHT
        return {
            "backbone": backbone,
            "backbone_3d": backbone_3d,
            "center_head": _get_head(cfg, "CENTER")(cfg, backbone.shape),
            "movement_head": _get_head(cfg, "MOVEMENT")(cfg, backbone.shape),
            "size_head": _get_head(cfg, "SIZE")(cfg, backbone.shape),
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
            "loss_normalizer": weights.NORMALIZER,
            "pixel_stats": (model.PIXEL_MEAN, model.PIXEL_STD),
            "clip_pixel_stats": (model.BACKBONE_3D.PIXEL_MEAN, model.BACKBONE_3D.PIXEL_STD),
            "clip_format": model.BACKBONE_3D.INPUT_FORMAT,
            "compile_backbones": model.COMPILE,
            "detector_options": TubeletDetector.options(cfg),
        }

    @property
    def device(self) -> torch.device:
        """The device of the network's weights."""
        return self.pixel_mean.device

    @property
    def has_clips(self) -> bool:
        """Whether there is a 3D backbone."""
        return self.backbone_3d is not None

    @property
    def action_stride(self) -> int:
        """Network-input pixels per pixel of the class map; only with an action head."""
        return self.action_head.stride

    def inference_network(self, amp: bool) -> Callable[[], TubeletNetwork]:
        """See `TubeletNetwork.inference_network` and `InferenceNetwork`."""
        return InferenceNetwork(self, amp).get

    def forward(
        self, batched_inputs: Sequence[Sample]
    ) -> dict[str, torch.Tensor] | list[dict[str, Tubelets]]:
        """Detect tubelets, or compute the losses in training mode.

        Detection is that of a `TubeletDetector` of the same configuration, which beside this also
        shares features between the chunks of a video.

        Args:
            batched_inputs: samples (chunks of windows); of each are read

                * frames: (F, 3, H, W) uint8 BGR, the chunk's distinct frames at the network's size
                * snippet_index: (W, K) int64 into ``frames``
                * clip_index: (W, T) int64 into ``frames``
                * targets (training): `Targets`; W is then 1
                * windows (inference): (W,) int64, 1-based first frames
                * height, width (inference): int, the video's own size

        Returns:
            In training a dict of weighted losses: loss_center, loss_movement, loss_size and, with
            an action head, loss_cls. Otherwise a dict for each sample with ``tubelets``, `Tubelets`
            of its windows in the video's pixels, clipped to the video.
        """
        if not self.training:
            detector = TubeletDetector(self, **self._detector_options)
            return [
                {"tubelets": detector.step(detector.init_state(), sample)}
                for sample in batched_inputs
            ]
        batch = batch_frames(batched_inputs, self.device)
        targets = batch_targets(batched_inputs, self.device)  # before a GPU has much to do
        frames = self.frame_features(batch.frames[batch.detected])
        clips = None
        if self.backbone_3d is not None:
            clips = self.clip_features(batch.frames, batch.clip_index)
        maps = self.window_maps(frames, batch.snippet_index, clips)
        divisors = self.loss_divisors(batched_inputs)
        return {
            name: loss / divisors[name] * self.loss_weights[name]
            for name, loss in self.losses(frames, maps, batch.snippet_index, targets).items()
        }

    def loss_divisors(self, samples: Sequence[Sample]) -> dict[str, float]:
        """What each loss's sum over the samples is divided by; see `losses.loss_divisors`."""
        return loss_divisors(samples, self.loss_normalizer)

    def frame_features(self, frames: torch.Tensor) -> FrameFeatures:
        """Compute everything that depends on one frame alone.

        Args:
            frames: (D, 3, H, W) uint8 BGR on the network's device.
        """
        images = (channels_last_where_faster(frames) - self.pixel_mean).div_(self.pixel_std)
        features = channels_last_where_faster(_select(self.backbone(images), self._feature))
        return FrameFeatures(
            features=features,
            size=self.size_head(features),
            action=None if self.action_head is None else self.action_head.forward_frames(features),
        )

    def clip_features(
        self, frames: torch.Tensor, clip_index: torch.Tensor, clips_per_pass: int | None = None
    ) -> torch.Tensor:
        """Run the 3D backbone; only for a network that has one.

        Args:
            frames: (F, 3, H, W) uint8 BGR on the network's device.
            clip_index: (B, T) int64, positions in ``frames`` of each clip's.
            clips_per_pass: how many clips are worked on at a time; None: all.

        Returns:
            (B, c', T', h', w').
        """
        clips_per_pass = clips_per_pass or len(clip_index)
        if isinstance(self.backbone_3d, SharedStemNet3D):
            frames = frames.flip(1) if self.clip_format == "RGB" else frames
            frames = (frames - self.clip_mean[..., 0]) / self.clip_std[..., 0]
            return self.backbone_3d(frames, clip_index, clips_per_pass)
        passes = clip_index.split(clips_per_pass)
        return torch.cat([self.whole_clip_features(frames[index]) for index in passes])

    def whole_clip_features(self, clips: torch.Tensor) -> torch.Tensor:
        """Run the 3D backbone on clips (B, T, 3, H, W) uint8 BGR; see `clip_features`."""
        clips = clips.transpose(1, 2)
        if self.clip_format == "RGB":
            clips = clips.flip(1)
        clips = (channels_last_where_faster(clips) - self.clip_mean).div_(self.clip_std)
        maps = self.backbone_3d(clips)
        return _select(maps, self._feature_3d)

    def window_maps(
        self, frames: FrameFeatures, snippet_index: torch.Tensor, clips: torch.Tensor | None
    ) -> WindowMaps:
        """Run the heads that see whole snippets; arguments as for `detect`."""
        action = None if self.action_head is None else frames.action[snippet_index]
        features = select_snippets(frames.features, snippet_index)
        return self.snippet_maps(features, action, clips)

    def snippet_maps(
        self, features: torch.Tensor, action: torch.Tensor | None, clips: torch.Tensor | None
    ) -> WindowMaps:
        """Run these heads on the `FrameFeatures` of B snippets.

        Args:
            features: (B, K, c, h, w).
            action: (B, K, c1, h', w'); None without an action head.
            clips: (B, c', T', h', w'); None without a 3D backbone.
        """
        classes = None if self.action_head is None else self.action_head(action, clips)
        return WindowMaps(self.center_head(features), self.movement_head(features), classes)

    def losses(
        self,
        frames: FrameFeatures,
        maps: WindowMaps,
        snippet_index: torch.Tensor,
        targets: TargetBatch,
    ) -> dict[str, torch.Tensor]:
        """Compute the losses of Eq. 9 as sums over the batch, by name, not yet weighted.

        Args:
            frames: of D frames.
            maps: of B windows.
            snippet_index: (B, K) int64, positions of each window's snippet among these frames.
            targets: of the same windows.
        """
        num_frames = targets.centers.shape[1]
        key_centers = targets.centers[:, num_frames // 2]
        origin = key_centers.floor() if self.movement_from_pixel else key_centers
        offsets = (targets.centers - origin[:, None]).flatten(1)  # (M, 2K)
        _, pixels, instances, weights = targets.movement
        movement = read_pixels(maps.movement, targets.windows[instances], pixels)
        losses = {
            "loss_center": center_focal_loss(maps.center, targets.heatmap),
            "loss_movement": (weights * movement_distance(movement, offsets[instances])).sum(),
            "loss_size": self._size_loss(frames.size, snippet_index, targets),
        }
        if maps.action is not None:
            points = key_centers[:, None] * self.stride
            logits = point_sample(maps.action[targets.windows], points, self.action_stride)
            losses["loss_cls"] = classification_loss(logits[:, 0], targets.labels)
        return losses

    def _size_loss(
        self, size_maps: torch.Tensor, snippet_index: torch.Tensor, targets: TargetBatch
    ) -> torch.Tensor:
        frames, pixels, instances, weights = targets.size
        rows = snippet_index[targets.windows[instances], frames]
        predicted = read_pixels(size_maps, rows, pixels)
        width = size_maps.shape[-1]
        pixels_xy = torch.stack([pixels % width, pixels // width], dim=1)
        boxes = targets.boxes[instances, frames]
        return (weights * self.box_coder.loss(predicted, pixels_xy, boxes)).sum()


def _get_head(cfg: CfgNode, head: str) -> Callable[..., nn.Module]:
    return TUBELET_HEAD_REGISTRY.get(cfg.MODEL.STMA[head].NAME)


def _select(output: torch.Tensor | dict[str, torch.Tensor], feature: str) -> torch.Tensor:
    """The map of that name, from a backbone that gives several by name or just the one."""
    return output[feature] if isinstance(output, dict) else output
