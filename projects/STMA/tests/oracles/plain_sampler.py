"""Training samples made plainly: what tests and ``tools/benchmark.py data`` compare with.

It works as ACT's and MOC's samplers do. Each frame is read whole and, one at a time and in 32-bit
floating point, mirrored, distorted, laid on a canvas, cropped, resized and normalized. What is
drawn follows the package's rules (see ``stma_d2/data/augmentation.py``), by a program of its own
with Python's random numbers. Only the targets are made by the package, so that a comparison of
speed tells of the frames alone.

Letters: M = instances, K = snippet frames, T = clip frames.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from detectron2.config import CfgNode

from stma_d2.data.augmentation import AugmentationRules, PhotometricDistortion
from stma_d2.data.mapper import ClipDatasetMapper
from stma_d2.data.targets import make_targets
from stma_d2.errors import InputError
from stma_d2.structures import WindowsOfVideo

LEAST_OVERLAPS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
TRIES = 50


@dataclass(frozen=True)
class PlainDraw:
    """What happens to all frames of a clip.

    Attributes:
        mirrored: flipped left-right.
        distortion: of the colors.
        canvas: (width, height, left, top): the canvas and where the frame lies on it; or None.
        crop: (x1, y1, x2, y2), first and last pixels of the canvas that are kept; or None.
    """

    mirrored: bool
    distortion: PhotometricDistortion
    canvas: tuple[int, int, int, int] | None
    crop: tuple[int, int, int, int] | None


class PlainSampler:
    """Makes training samples of the items of `WindowIndex`."""

    def __init__(self, cfg: CfgNode, stride: int, seed: int = 0) -> None:
        """Take the mapper's settings for a network of this stride; start the random numbers."""
        self.settings = ClipDatasetMapper.from_config(cfg, is_train=True, stride=stride)
        self.mean = np.array(cfg.MODEL.PIXEL_MEAN, dtype=np.float32)
        self.std = np.array(cfg.MODEL.PIXEL_STD, dtype=np.float32)
        self.rng = random.Random(seed)

    def __call__(self, item: WindowsOfVideo) -> dict[str, Any]:
        """Make a sample.

        Args:
            item: of `WindowIndex`.

        Returns:
            dict with frames (T, 3, H, W) float32, BGR, normalized, and targets, see `make_targets`.

        Raises:
            InputError: if a frame is no JPEG file.
        """
        video, (window,), settings = item["video"], item["windows"], self.settings
        sampler, size = settings.sampler, settings.input_size
        numbers = sampler.clip_frames(window, video["num_frames"])
        frames = [_read_jpeg(f"{video['path']}/{number:05d}.jpg") for number in numbers]
        boxes, labels = sampler.snippet_instances(video["tubes"], window)
        frame_size = (video["height"], video["width"])
        draw = draw_plainly(settings.augmentation, frame_size, boxes, self.rng)
        frames = [apply_plainly(frame, draw, size, settings.fill_color) for frame in frames]
        boxes, remaining = move_plainly(boxes, draw, frame_size, size)
        targets = make_targets(
            torch.from_numpy(boxes[remaining]),
            torch.from_numpy(labels[remaining]),
            size,
            settings.targets,
        )
        normalized = [((frame - self.mean) / self.std).transpose(2, 0, 1) for frame in frames]
        return {"frames": torch.from_numpy(np.stack(normalized)), "targets": targets}


def draw_plainly(
    rules: AugmentationRules,
    frame_size: tuple[int, int],
    boxes: np.ndarray,
    rng: random.Random,
) -> PlainDraw:
    """Draw what happens to the frames of a clip, one number after the other.

    Args:
        rules: what may be drawn.
        frame_size: height and width of the frames.
        boxes: (M, K, 4), M at least 1, the snippet's boxes in the frames' pixels.
        rng: source of the random numbers.
    """
    height, width = frame_size
    mirrored = rng.random() < rules.mirror_prob
    values = {"brightness": 0.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
    ranges = {
        "brightness": (-rules.brightness, rules.brightness),
        "contrast": rules.contrast,
        "saturation": rules.saturation,
        "hue": (-rules.hue, rules.hue),
    }
    for name, (low, high) in ranges.items():
        if rng.random() < rules.distort_prob:
            values[name] = rng.uniform(low, high)
    distortion = PhotometricDistortion(**values, contrast_last=rng.random() < 0.5)
    canvas = None
    if rng.random() < rules.expand_prob:
        ratio = rng.uniform(1, rules.max_expand)
        canvas_width, canvas_height = int(width * ratio), int(height * ratio)
        left = rng.randint(0, canvas_width - width)
        top = rng.randint(0, canvas_height - height)
        canvas = (canvas_width, canvas_height, left, top)
    crop = None
    if rules.crop:
        on_canvas = _on_canvas(boxes, mirrored, canvas, width).tolist()
        size = (width, height) if canvas is None else canvas[:2]
        found = [None]  # the whole canvas is always a candidate
        for least in LEAST_OVERLAPS:
            candidate = _find_crop(rules.crop_scale, size, on_canvas, least, rng)
            if candidate is not None:
                found.append(candidate)
        crop = rng.choice(found)
    return PlainDraw(mirrored, distortion, canvas, crop)


def apply_plainly(
    frame: np.ndarray, draw: PlainDraw, input_size: tuple[int, int], fill: tuple[int, int, int]
) -> np.ndarray:
    """Augment and resize one frame, step by step.

    Args:
        frame: (h, w, 3) uint8, BGR.
        draw: what happens to it.
        input_size: height and width of the result.
        fill: 8-bit color of the canvas, BGR.

    Returns:
        (height, width, 3) float32, 0 .. 255.
    """
    picture = frame.astype(np.float32)
    if draw.mirrored:
        picture = picture[:, ::-1]
    picture = _distort(picture, draw.distortion)
    if draw.canvas is not None:
        width, height, left, top = draw.canvas
        canvas = np.full((height, width, 3), fill, dtype=np.float32)
        canvas[top : top + frame.shape[0], left : left + frame.shape[1]] = picture
        picture = canvas
    if draw.crop is not None:
        x1, y1, x2, y2 = draw.crop
        picture = picture[y1 : y2 + 1, x1 : x2 + 1]
    return cv2.resize(picture, input_size[::-1], interpolation=cv2.INTER_LINEAR)


def move_plainly(
    boxes: np.ndarray, draw: PlainDraw, frame_size: tuple[int, int], input_size: tuple[int, int]
) -> tuple[np.ndarray, list[int]]:
    """Where the boxes are after a draw.

    Args:
        boxes: (M, K, 4) in the frames' pixels.
        draw: what happens to the frames.
        frame_size: height and width of the frames.
        input_size: height and width of the network's input.

    Returns:
        boxes (M, K, 4) float32 in the input's pixels, cut at its border; the positions of the
        instances that remain.
    """
    height, width = frame_size
    moved = _on_canvas(boxes, draw.mirrored, draw.canvas, width)
    if draw.canvas is not None:
        width, height = draw.canvas[:2]
    remaining = list(range(len(boxes)))
    if draw.crop is not None:
        x1, y1, x2, y2 = draw.crop
        instances = enumerate(moved.tolist())
        remaining = [i for i, instance in instances if _centers_in(instance, draw.crop)]
        moved = moved - np.array([x1, y1, x1, y1])
        width, height = x2 - x1 + 1, y2 - y1 + 1
    for axis, (length, target) in enumerate(((width, input_size[1]), (height, input_size[0]))):
        moved[..., axis::2] = np.clip(moved[..., axis::2], 0, length - 1) / length * target
    return moved.astype(np.float32), remaining


def _read_jpeg(path: str) -> np.ndarray:
    frame = cv2.imread(path)
    if frame is None:
        raise InputError(f"there is no JPEG frame at {path}; the plain sampler reads nothing else")
    return frame


def _distort(picture: np.ndarray, distortion: PhotometricDistortion) -> np.ndarray:
    """Distort colors; each step is cut to 0 .. 255."""
    if distortion.brightness != 0:
        picture = np.clip(picture + np.float32(distortion.brightness), 0, 255)
    if distortion.contrast != 1 and not distortion.contrast_last:
        picture = np.clip(picture * np.float32(distortion.contrast), 0, 255)
    if distortion.saturation != 1:
        hsv = cv2.cvtColor(picture / np.float32(255), cv2.COLOR_BGR2HSV)
        hsv[..., 1] = np.minimum(hsv[..., 1] * np.float32(distortion.saturation), 1)
        picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR) * np.float32(255)
    if distortion.hue != 0:
        hsv = cv2.cvtColor(picture / np.float32(255), cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0] + np.float32(distortion.hue)) % 360
        picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR) * np.float32(255)
    if distortion.contrast != 1 and distortion.contrast_last:
        picture = np.clip(picture * np.float32(distortion.contrast), 0, 255)
    return picture


def _on_canvas(
    boxes: np.ndarray, mirrored: bool, canvas: tuple[int, int, int, int] | None, width: int
) -> np.ndarray:
    """Boxes (M, K, 4) in the canvas's pixels; ``width`` is the frame's."""
    moved = boxes.astype(np.float64)
    if mirrored:
        moved[..., 0], moved[..., 2] = width - 1 - boxes[..., 2], width - 1 - boxes[..., 0]
    if canvas is not None:
        left, top = canvas[2:]
        moved += [left, top, left, top]
    return moved


def _find_crop(
    scales: tuple[float, float],
    canvas_size: tuple[int, int],
    boxes: list[list[list[float]]],
    least: float,
    rng: random.Random,
) -> tuple[int, int, int, int] | None:
    """The first of `TRIES` crops that overlaps some instance enough and keeps some instance."""
    width, height = canvas_size
    tries = 0
    while tries < TRIES:
        scale, aspect = rng.uniform(*scales), rng.uniform(0.5, 2)
        across, down = scale * math.sqrt(aspect), scale / math.sqrt(aspect)
        if across > 1 or down > 1:
            continue
        tries += 1
        x, y = rng.uniform(0, 1 - across), rng.uniform(0, 1 - down)
        x2, y2 = int((x + across) * width), int((y + down) * height)
        crop = (int(x * width), int(y * height), min(x2, width - 1), min(y2, height - 1))
        if any(_centers_in(instance, crop) for instance in boxes):
            overlaps = [[_overlap(box, crop) for box in instance] for instance in boxes]
            if max(sum(values) / len(values) for values in overlaps) >= least:
                return crop
    return None


def _overlap(box: list[float], crop: tuple[int, int, int, int]) -> float:
    """Intersection over union of whole pixels."""
    across = min(box[2], crop[2]) - max(box[0], crop[0]) + 1
    down = min(box[3], crop[3]) - max(box[1], crop[1]) + 1
    if across <= 0 or down <= 0:
        return 0.0
    areas = [(b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (box, crop)]
    return across * down / (sum(areas) - across * down)


def _centers_in(instance: list[list[float]], crop: tuple[int, int, int, int]) -> bool:
    """Whether the centers of all K boxes lie in the crop."""
    x1, y1, x2, y2 = crop
    centers = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in instance]
    return all(x1 <= x <= x2 and y1 <= y <= y2 for x, y in centers)
