"""How the actors and the background of the synthetic data set look.

A look (shape and colors) is drawn without knowledge of the action.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .synthetic_motion import REFERENCE_SIZE, Motion

SHAPES = ("disc", "ellipse", "triangle", "square", "pentagon", "star", "cross", "half_disc")

# A patch is a look's picture; it spans this many diameters around the center of the shape.
PATCH_SPAN = 1.5
PATCH_SIZE = 128
# The mark: its brightness (of 255) and its radius in diameters.
MARK_VALUE = 25
MARK_RADIUS = 0.16
# Sprites are drawn at this multiple of the frame's resolution and averaged down.
SUPERSAMPLING = 2
# Side of the noise cells that make up a background, pixels of a 128-pixel frame.
NOISE_CELLS = (4, 8, 16, 32)


@dataclass(frozen=True)
class Look:
    """What an actor looks like, in its own frame of reference (center 0, diameter 1, y down).

    Attributes:
        shape: a name in ``SHAPES``.
        colors: (3, 3) uint8, BGR of the two halves and of the mark.
        outline_xy: (n, 2) float64, the contour.
        patch: (PATCH_SIZE, PATCH_SIZE, 4) uint8, BGR and opacity.
    """

    shape: str
    colors: np.ndarray
    outline_xy: np.ndarray
    patch: np.ndarray


def draw_look(rng: np.random.Generator) -> Look:
    """Draw an actor's look.

    A lighter and a darker half, and a mark beside the center, make every turn visible.
    """
    shape = str(rng.choice(SHAPES))
    hue = rng.uniform(0, 180)
    hues = (hue + np.array([0, rng.uniform(40, 140), rng.uniform(0, 180)])) % 180
    values = rng.permutation([rng.uniform(170, 240), rng.uniform(90, 140)])
    hsv = np.stack([hues, rng.uniform(40, 180, 3), [*values, MARK_VALUE]], axis=1)
    colors = cv2.cvtColor(hsv[None].astype(np.uint8), cv2.COLOR_HSV2BGR)[0]
    outline = shape_outline(shape)
    kinds = _paint(rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi))
    return Look(shape, colors, outline, _make_patch(outline, colors[kinds]))


def shape_outline(shape: str) -> np.ndarray:
    """The contour of a shape, (n, 2) float64, its largest extent in any direction being 1."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    corners = {"triangle": 3, "square": 4, "pentagon": 5}
    if shape == "disc":
        radius = np.ones_like(turn)
    elif shape == "ellipse":
        radius = 0.7 / np.hypot(0.7 * np.cos(turn), np.sin(turn))
    elif shape == "half_disc":
        turn = np.linspace(0, np.pi, 37)
        radius = np.ones_like(turn)
    elif shape == "star":
        turn = np.arange(10) * np.pi / 5
        radius = np.where(np.arange(10) % 2, 0.55, 1.0)
    elif shape == "cross":
        arm = np.arctan2(0.4, 1.0)
        quarters = np.arange(4)[:, None] * np.pi / 2
        turn = (quarters + [-arm, arm, np.pi / 4]).ravel()
        radius = np.tile([np.hypot(1, 0.4), np.hypot(1, 0.4), np.hypot(0.4, 0.4)], 4)
    else:
        turn = np.arange(corners[shape]) * 2 * np.pi / corners[shape]
        radius = np.ones(corners[shape])
    outline = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    if shape == "half_disc":
        outline[:, 1] -= 0.4
    distances = np.linalg.norm(outline[:, None] - outline[None], axis=-1)
    return outline / distances.max()


def _paint(split_angle: float, mark_angle: float) -> np.ndarray:
    """Which of the three colors each point of a patch has, at twice the patch's resolution."""
    side = 2 * PATCH_SIZE
    line = ((np.arange(side) + 0.5) / side - 0.5) * PATCH_SPAN
    x, y = np.meshgrid(line, line)
    second_half = np.cos(split_angle) * y - np.sin(split_angle) * x > 0
    mark = np.hypot(x - 0.25 * np.cos(mark_angle), y - 0.25 * np.sin(mark_angle)) < MARK_RADIUS
    return np.where(mark, 2, second_half.astype(np.int64))


def _make_patch(outline_xy: np.ndarray, painted: np.ndarray) -> np.ndarray:
    side = len(painted)
    opacity = np.zeros((side, side), np.uint8)
    # fillPoly takes pixel centers, here in 1/16 pixel.
    pixels = (outline_xy / PATCH_SPAN + 0.5) * side - 0.5
    cv2.fillPoly(opacity, [np.round(pixels * 16).astype(np.int32)], 255, shift=4)
    both = np.dstack([painted, opacity])
    return cv2.resize(both, (PATCH_SIZE, PATCH_SIZE), interpolation=cv2.INTER_AREA)


def actor_boxes(look: Look, motion: Motion) -> np.ndarray:
    """The boxes that fit tightly around an actor as it is turned in each frame.

    Returns:
        (V, 4) float64, x1, y1, x2, y2: the pixels that hold the outermost points of the outline,
        in the coordinates of ``motion.centers_xy`` (the pixel at 0 extends from 0 to 1).
    """
    angles = np.radians(motion.angles)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y = look.outline_xy.T
    turned = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)  # (V, n, 2)
    points = motion.centers_xy[:, None] + motion.sizes[:, None, None] * turned
    return np.concatenate([points.min(axis=1), points.max(axis=1) - 1], axis=1)


def draw_background(image_size: int, num_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Draw colored noise of several scales that pans steadily.

    Returns:
        (num_frames, image_size, image_size, 3) uint8, BGR.
    """
    unit = image_size / REFERENCE_SIZE
    heading, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.6) * unit
    velocity = speed * np.array([np.cos(heading), np.sin(heading)])
    side = image_size + int(np.ceil(speed * num_frames)) + 2
    noise = np.zeros((side, side, 3), np.float32)
    for cell in NOISE_CELLS:
        cells = int(np.ceil(side / (cell * unit))) + 1
        grid = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        # Colors vary less than brightness.
        grid = 0.4 * grid + grid[..., :1]
        size = round(cells * cell * unit)
        noise += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)[:side, :side]
    mean = rng.uniform(45, 65) + rng.uniform(-12, 12, 3)
    canvas = np.clip(mean + 5 * noise, 0, 255).astype(np.uint8)
    frames = []
    for time in range(num_frames):
        offset = (side - image_size) / 2 + velocity * (time - (num_frames - 1) / 2)
        shift = np.array([[1, 0, -offset[0]], [0, 1, -offset[1]]])
        frames.append(cv2.warpAffine(canvas, shift, (image_size, image_size)))
    return np.stack(frames)


def draw_sprite(image: np.ndarray, look: Look, motion: Motion, time: int) -> np.ndarray:
    """The image with an actor drawn over it.

    Args:
        image: (S, S, 3) uint8, BGR.
        look: the actor's look.
        motion: the actor's motion, its centers in the image's pixels.
        time: 0-based frame of ``motion``.

    Returns:
        (S, S, 3) uint8, BGR.
    """
    # Pixel centers of the patch -> the actor's frame of reference -> fine pixels of the image.
    to_unit = PATCH_SPAN / PATCH_SIZE
    origin = 0.5 * to_unit - 0.5 * PATCH_SPAN
    angle, scale = np.radians(motion.angles[time]), SUPERSAMPLING * motion.sizes[time]
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = turn @ [origin, origin] + SUPERSAMPLING * motion.centers_xy[time] - 0.5
    matrix = np.concatenate([turn * to_unit, shift[:, None]], axis=1)
    height, width = image.shape[:2]
    fine = cv2.warpAffine(look.patch, matrix, (SUPERSAMPLING * width, SUPERSAMPLING * height))
    sprite = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    opacity = sprite[..., 3:] / 255
    return np.rint(sprite[..., :3] * opacity + image * (1 - opacity)).astype(np.uint8)
