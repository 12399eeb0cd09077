"""A picture of one training sample: what the network sees and what it should answer."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..structures import RegressionSamples, Sample, Targets, Tube
from .tubes import class_color, draw_tubes

CAPTION_HEIGHT = 28  # pixels


def draw_training_sample(sample: Sample, labels: Sequence[str]) -> np.ndarray:
    """Draw the snippet of a training sample with its targets.

    The upper row shows the K frames with boxes, labels and the centers' trails, then the key frame
    under the heat map (the maximum over classes). The lower row shows the pixels that train the
    size on each frame, then those that train the movement; the brighter a pixel, the greater its
    weight, relative to the instance's greatest. Each instance has a number and a color of its own.

    Args:
        sample: what `ClipDatasetMapper` makes for training.
        labels: class names.

    Returns:
        (rows, columns, 3) uint8 BGR.
    """
    targets = sample["targets"]
    numbers = sample["frame_numbers"][sample["snippet_index"][0]].tolist()
    frames = sample["frames"][sample["snippet_index"][0]].permute(0, 2, 3, 1).numpy()
    key = len(frames) // 2
    tubes = _snippet_tubes(targets)
    upper = [
        _caption(_draw_instances(frame, k, tubes, labels), f"frame {numbers[k]}")
        for k, frame in enumerate(frames)
    ]
    heatmap = targets["heatmap"].amax(dim=0).numpy()
    upper.append(_caption(_draw_heatmap(frames[key], heatmap), f"heat map, frame {numbers[key]}"))
    lower = []
    for k, frame in enumerate(frames):
        picture = _draw_weights(frame, heatmap.shape, targets["size"], k)
        lower.append(_caption(picture, f"size, frame {numbers[k]}"))
    picture = _draw_weights(frames[key], heatmap.shape, targets["movement"], key)
    lower.append(_caption(picture, f"movement, frame {numbers[key]}"))
    return np.concatenate([np.concatenate(row, axis=1) for row in (upper, lower)])


def _snippet_tubes(targets: Targets) -> list[Tube]:
    """The instances as tubes on the frames 0 .. K - 1."""
    return [
        Tube(np.arange(len(boxes)), boxes.numpy(), int(label))
        for boxes, label in zip(targets["boxes"], targets["labels"], strict=True)
    ]


def _draw_instances(
    frame: np.ndarray, k: int, tubes: Sequence[Tube], labels: Sequence[str]
) -> np.ndarray:
    ids = range(1, len(tubes) + 1)
    return draw_tubes(frame, k, tubes, labels, ids, color_by="actor", scores=False)


def _caption(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture with a line of text above and a narrow margin at its right."""
    bordered = cv2.copyMakeBorder(picture, CAPTION_HEIGHT, 0, 0, 4, cv2.BORDER_CONSTANT)
    position = (6, CAPTION_HEIGHT - 9)
    white = (255, 255, 255)
    return cv2.putText(
        bordered, text, position, cv2.FONT_HERSHEY_SIMPLEX, 0.55, white, 1, cv2.LINE_AA
    )


def _enlarge(frame: np.ndarray) -> np.ndarray:
    """The frame in the size of `draw_tubes`' pictures."""
    return draw_tubes(frame, 0, [], [])


def _draw_heatmap(frame: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """Lay a map (h, w) of values 0 .. 1 over a frame."""
    picture = _enlarge(frame)
    values = cv2.resize(heatmap, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    colors = cv2.applyColorMap((values * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return _blend(picture, colors, 0.3 + 0.5 * values)


def _draw_weights(
    frame: np.ndarray, map_size: tuple[int, int], samples: RegressionSamples, k: int
) -> np.ndarray:
    """Color the feature pixels that train each instance's regression on frame ``k``, by weight."""
    here = samples.frames == k
    pixels, instances, weights = (field[here] for field in samples[1:])
    alphas = np.zeros(map_size, np.float32)
    colors = np.zeros((*map_size, 3), np.uint8)
    for i in instances.unique().tolist():
        rows, columns = np.divmod(pixels[instances == i].numpy(), map_size[1])
        own = weights[instances == i].numpy()
        alphas[rows, columns] = 0.25 + 0.65 * own / own.max()
        colors[rows, columns] = class_color(i + 1)  # the number beside its label
    picture = _enlarge(frame)
    size = picture.shape[1::-1]
    alphas = cv2.resize(alphas, size, interpolation=cv2.INTER_NEAREST)
    colors = cv2.resize(colors, size, interpolation=cv2.INTER_NEAREST)
    return _blend(picture, colors, alphas)


def _blend(picture: np.ndarray, colors: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Mix (h, w, 3) uint8 pictures, ``colors`` with the share ``alphas`` (h, w)."""
    alphas = alphas[..., None]
    return np.rint(picture * (1 - alphas) + colors * alphas).astype(np.uint8)
