"""Augmentation of ACT and MOC (after SSD), drawn once for all frames of a clip.

In order: mirror, photometric distortion, expand, crop. The numbers are those of ACT and MOC. Three
of their slips are not repeated: mirroring maps x to w - 1 - x (not w - x), an expanded frame lies
anywhere on its canvas (not always in one corner), and the crop sampler that accepts any overlap
does accept it. Three rules are added: a crop keeps at least one instance (theirs may keep none);
where there is none, which theirs do not train on, it keeps the frame's center, so that not all of
it is the canvas around an expanded frame; and each distortion cuts levels to 0 .. 255, as in SSD
(theirs leaves them beyond, in float pixels).

Colors are distorted last, on the 8-bit pixels of the network's input that show the frame; the
canvas around it keeps its color, as in the order above.

Letters: M = instances, K = snippet frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from fvcore.common.config import CfgNode

from .geometry import FrameGeometry

# SSD's crop samplers: the least overlap of a crop with some instance, and the whole canvas.
WHOLE = None
CROP_SAMPLERS = (WHOLE, 0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
CROP_TRIES = 50
CROP_ASPECTS = (0.5, 2.0)
# A crop that is longer than the canvas is no try: enough are drawn for 50 to remain.
_CROP_DRAWS = 4 * CROP_TRIES

_LEVELS = np.arange(256, dtype=np.float64)


@dataclass(frozen=True)
class AugmentationRules:
    """What may be drawn; the meaning of each is told beside the keys of INPUT.AUGMENTATION."""

    mirror_prob: float
    distort_prob: float
    brightness: float
    contrast: tuple[float, float]
    saturation: tuple[float, float]
    hue: float
    expand_prob: float
    max_expand: float
    crop: bool
    crop_scale: tuple[float, float]

    @classmethod
    def from_config(cls, node: CfgNode) -> AugmentationRules:
        """Read the node ``cfg.INPUT.AUGMENTATION``."""
        return cls(
            mirror_prob=node.MIRROR_PROB,
            distort_prob=node.DISTORT_PROB,
            brightness=node.BRIGHTNESS,
            contrast=tuple(node.CONTRAST),
            saturation=tuple(node.SATURATION),
            hue=node.HUE,
            expand_prob=node.EXPAND_PROB,
            max_expand=node.MAX_EXPAND,
            crop=node.CROP,
            crop_scale=tuple(node.CROP_SCALE),
        )


@dataclass(frozen=True)
class PhotometricDistortion:
    """One draw of SSD's distortion; the defaults change nothing.

    Attributes:
        brightness: shift in 8-bit levels, applied first.
        contrast: factor of all levels.
        saturation: factor of the saturation.
        hue: rotation of the hue, in degrees.
        contrast_last: contrast comes after saturation and hue, instead of before them.
    """

    brightness: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    contrast_last: bool = False


@dataclass(frozen=True)
class ClipAugmentation:
    """One draw for all frames of a clip.

    Attributes:
        distortion: of the frames' colors.
        geometry: of the frames' pixels.
        instances: positions of those of the M instances that remain, ascending.
    """

    distortion: PhotometricDistortion
    geometry: FrameGeometry
    instances: tuple[int, ...]


def draw_augmentation(
    rules: AugmentationRules,
    frame_size: tuple[int, int],
    boxes: np.ndarray,
    rng: np.random.Generator,
) -> ClipAugmentation:
    """Draw what happens to all frames of a clip.

    Args:
        rules: what may be drawn.
        frame_size: height and width of the frames.
        boxes: (M, K, 4), the snippet's boxes in the frames' pixels.
        rng: source of the random numbers.

    Returns:
        the draw; at least one instance remains, unless M is 0.
    """
    height, width = frame_size
    geometry = FrameGeometry(width=width, height=height)
    if rng.random() < rules.mirror_prob:
        geometry = geometry.hflip()
    distortion = _draw_distortion(rules, rng)
    if rng.random() < rules.expand_prob:
        ratio = rng.uniform(1, rules.max_expand)
        canvas_w, canvas_h = int(width * ratio), int(height * ratio)
        left = int(rng.integers(0, canvas_w - width, endpoint=True))
        top = int(rng.integers(0, canvas_h - height, endpoint=True))
        geometry = geometry.expand(canvas_w, canvas_h, left, top)
    instances = np.arange(len(boxes))
    if rules.crop:
        on_canvas = geometry.boxes_on_canvas(boxes)
        whole = np.array([[[0, 0, width - 1, height - 1]]])
        kept = on_canvas if len(boxes) else geometry.boxes_on_canvas(whole)
        crop = _draw_crop(rules, (geometry.height, geometry.width), kept, rng)
        if crop is not None:
            instances = np.flatnonzero(_centers_inside(on_canvas, crop[None])[0])
            geometry = geometry.crop(*crop.tolist())
    return ClipAugmentation(distortion, geometry, tuple(instances.tolist()))


def distort_frame(frame: np.ndarray, distortion: PhotometricDistortion) -> np.ndarray:
    """Distort the colors of a frame; every step is rounded and clipped to 8 bit, as in SSD.

    Args:
        frame: (h, w, 3) uint8, BGR.
        distortion: the draw.

    Returns:
        (h, w, 3) uint8, BGR; the frame itself where nothing changes.
    """
    first, hsv_tables, last = _tables(distortion)
    if first is not None:
        frame = cv2.LUT(frame, first)
    if hsv_tables is not None:
        # "FULL" spreads the circle of hues over all 256 levels, so that rotation is modulo 256.
        hsv = cv2.cvtColor(frame, cv2.COLOR_BGR2HSV_FULL)
        frame = cv2.cvtColor(cv2.LUT(hsv, hsv_tables), cv2.COLOR_HSV2BGR_FULL)
    return frame if last is None else cv2.LUT(frame, last)


@lru_cache(maxsize=1)  # a clip's frames share one draw
def _tables(
    distortion: PhotometricDistortion,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Lookup tables: of BGR first, (256,); of hue, saturation and value, (1, 256, 3); of BGR last.

    All are uint8, and None where they would change nothing.
    """
    hsv_tables, last = None, None
    if distortion.saturation != 1 or distortion.hue != 0:
        hue = np.rint(_LEVELS + distortion.hue * 256 / 360) % 256
        hsv = [hue, _to_bytes(_LEVELS * distortion.saturation), _LEVELS]
        hsv_tables = np.stack(hsv, axis=-1)[None].astype(np.uint8)
    contrast = _to_bytes(_LEVELS * distortion.contrast)
    first = _to_bytes(_LEVELS + distortion.brightness)
    if hsv_tables is None or not distortion.contrast_last:
        first = contrast[first]
    elif distortion.contrast != 1:
        last = contrast
    return None if np.array_equal(first, _LEVELS) else first, hsv_tables, last


def _to_bytes(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _draw_distortion(rules: AugmentationRules, rng: np.random.Generator) -> PhotometricDistortion:
    def draw(low: float, high: float, neutral: float) -> float:
        return rng.uniform(low, high) if rng.random() < rules.distort_prob else neutral

    return PhotometricDistortion(
        brightness=draw(-rules.brightness, rules.brightness, 0.0),
        contrast=draw(*rules.contrast, 1.0),
        saturation=draw(*rules.saturation, 1.0),
        hue=draw(-rules.hue, rules.hue, 0.0),
        contrast_last=bool(rng.random() < 0.5),
    )


def _draw_crop(
    rules: AugmentationRules,
    canvas_size: tuple[int, int],
    boxes: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray | None:
    """Draw SSD's crop.

    Of the samplers that find a crop one is chosen, each with equal probability; here they are
    asked in random order and the first find is taken, which comes to the same. The overlap is
    ACT's: the IoU of crop and box, averaged over an instance's K frames; some instance must reach
    the sampler's minimum. Some instance must also remain (see `_centers_inside`).

    Args:
        rules: with the range of crop scales.
        canvas_size: height and width.
        boxes: (M, K, 4) on the canvas, at least one: the instances', or the frame's own.
        rng: source of the random numbers.

    Returns:
        (4,) int64, first and last pixel x1, y1, x2, y2; or None for the whole canvas.
    """
    for i in rng.permutation(len(CROP_SAMPLERS)):
        min_overlap = CROP_SAMPLERS[i]
        if min_overlap is WHOLE:
            break
        crops = _propose_crops(rules.crop_scale, canvas_size, rng)
        overlaps = _overlaps(boxes, crops).mean(axis=-1).max(axis=-1)
        remains = _centers_inside(boxes, crops).any(axis=-1)
        crops = crops[(overlaps >= min_overlap) & remains]
        if len(crops):
            return crops[0]
    return None


def _propose_crops(
    scales: tuple[float, float], canvas_size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """`CROP_TRIES` crops (n, 4), int64 x1, y1, x2, y2, that lie inside the canvas.

    They are fewer where ``scales`` lets hardly a draw fit.
    """
    height, width = canvas_size
    scale = rng.uniform(*scales, _CROP_DRAWS)
    aspect = rng.uniform(*CROP_ASPECTS, _CROP_DRAWS)
    sides = scale[:, None] * np.sqrt(np.stack([aspect, 1 / aspect], axis=-1))  # units of canvas
    sides = sides[(sides <= 1).all(axis=-1)][:CROP_TRIES]
    corners = rng.random(sides.shape) * (1 - sides)
    crops = np.concatenate([corners, corners + sides], axis=-1) * [width, height, width, height]
    return np.minimum(crops.astype(np.int64), [width - 1, height - 1, width - 1, height - 1])


def _overlaps(boxes: np.ndarray, crops: np.ndarray) -> np.ndarray:
    """IoU of inclusive pixel corners: boxes (M, K, 4), crops (n, 4) -> (n, M, K)."""
    crops = crops[:, None, None]
    low = np.maximum(boxes[..., :2], crops[..., :2])
    high = np.minimum(boxes[..., 2:], crops[..., 2:])
    shared = np.maximum(high - low + 1, 0).prod(axis=-1)
    areas = [(b[..., 2:] - b[..., :2] + 1).prod(axis=-1) for b in (boxes, crops)]
    return shared / (areas[0] + areas[1] - shared)


def _centers_inside(boxes: np.ndarray, crops: np.ndarray) -> np.ndarray:
    """ACT's rule of what remains in a crop: the centers of all K boxes of an instance lie in it.

    Args:
        boxes: (M, K, 4).
        crops: (n, 4), first and last pixels.

    Returns:
        (n, M) bool.
    """
    centers = (boxes[..., :2] + boxes[..., 2:]) / 2
    crops = crops[:, None, None]
    inside = (centers >= crops[..., :2]) & (centers <= crops[..., 2:])
    return inside.all(axis=(-1, -2))
