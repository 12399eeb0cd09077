"""How the actors and the background of the synthetic data set look.

A look (shape and colors) is drawn without knowledge of the action.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import numpy as np

from .synthetic_motion import REFERENCE_SIZE, Motion

SHAPES = ("disc", "ellipse", "triangle", "square", "pentagon", "star", "cross", "half_disc")
# What some actors bear on their body while they act, in place of the mark.
# The finest come last.
MARKINGS = ("striped", "ringed", "crossed", "edged", "checkered", "dotted")

# A patch is a look's picture; it spans this many diameters around the center of the shape.
PATCH_SPAN = 1.5
PATCH_SIZE = 128
# The mark: its brightness (of 255), and its radius and distance from the center in diameters.
MARK_VALUE = 25
MARK_RADIUS = 0.16
MARK_DISTANCE = 0.25
# Patches and sprites are drawn at this multiple of their resolution and averaged down.
SUPERSAMPLING = 2
# Side of the noise cells that make up a background, pixels of a 128-pixel frame.
NOISE_CELLS = (4, 8, 16, 32)


@dataclass(frozen=True)
class Look:
    """What an actor looks like, in its own frame of reference (center 0, diameter 1, y down).

    Attributes:
        shape: a name in ``SHAPES``.
        colors: (3, 3) uint8, BGR of the two halves and of the mark.
        split_angle: direction of the line between the halves, radians clockwise from the x axis.
        mark_angle: direction of the mark, likewise.
        marking: a name in ``MARKINGS``, which the body bears in place of the mark; or None.
    """

    shape: str
    colors: np.ndarray
    split_angle: float
    mark_angle: float
    marking: str | None = None

    @property
    def outline_xy(self) -> np.ndarray:
        """The contour, (n, 2) float64."""
        return shape_outline(self.shape)

    @cached_property
    def patch(self) -> np.ndarray:
        """(PATCH_SIZE, PATCH_SIZE, 4) uint8, BGR and opacity; painted at first use."""
        side = SUPERSAMPLING * PATCH_SIZE
        first, second, mark = self.colors.tolist()
        along = np.array([np.cos(self.split_angle), np.sin(self.split_angle)])
        across = np.array([-along[1], along[0]])
        half = [along, along + across, across - along, -along]  # reaches beyond the patch
        mark_xy = MARK_DISTANCE * np.array([np.cos(self.mark_angle), np.sin(self.mark_angle)])
        painted = np.full((side, side, 3), first, np.uint8)
        cv2.fillPoly(painted, [_patch_points(half)], second, shift=_SHIFT)
        if self.marking is None:
            radius = round(MARK_RADIUS / PATCH_SPAN * side * 2**_SHIFT)
            center = _patch_points(mark_xy).tolist()
            cv2.circle(painted, center, radius, mark, cv2.FILLED, shift=_SHIFT)
        else:
            painted[_marked(self.marking, self.outline_xy)] = mark
        opacity = np.zeros((side, side), np.uint8)
        cv2.fillPoly(opacity, [_patch_points(self.outline_xy)], 255, shift=_SHIFT)
        fine = cv2.merge([painted, opacity])
        return cv2.resize(fine, (PATCH_SIZE, PATCH_SIZE), interpolation=cv2.INTER_AREA)


_SHIFT = 4  # bits after the point of OpenCV's coordinates


def _patch_points(points_xy: np.ndarray) -> np.ndarray:
    """Where points of a look lie in its fine patch: OpenCV's pixel centers, 1/16 pixels."""
    pixels = (np.asarray(points_xy) / PATCH_SPAN + 0.5) * SUPERSAMPLING * PATCH_SIZE - 0.5
    return np.round(pixels * 2**_SHIFT).astype(np.int32)


def _marked(marking: str, outline_xy: np.ndarray) -> np.ndarray:
    """Where a marking darkens a fine patch, (side, side) bool."""
    side = SUPERSAMPLING * PATCH_SIZE
    line = ((np.arange(side) + 0.5) / side - 0.5) * PATCH_SPAN
    x, y = np.meshgrid(line, line)
    if marking == "striped":
        return np.mod(x, 0.4) < 0.2
    if marking == "checkered":
        return (np.mod(x, 0.5) < 0.25) ^ (np.mod(y, 0.5) < 0.25)
    if marking == "dotted":
        return np.hypot(np.mod(x, 0.26) - 0.13, np.mod(y, 0.26) - 0.13) < 0.075
    if marking == "ringed":
        return np.abs(np.hypot(x, y) - 0.22) < 0.09
    if marking == "crossed":
        return np.minimum(np.abs(x), np.abs(y)) < 0.09
    # "edged": all but a smaller body.
    inside = np.zeros((side, side), np.uint8)
    cv2.fillPoly(inside, [_patch_points(0.62 * outline_xy)], 1, shift=_SHIFT)
    return inside == 0


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
    return Look(shape, colors, rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi))


@cache
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
    outline /= distances.max()
    outline.setflags(write=False)
    return outline


def actor_boxes(look: Look, motion: Motion) -> np.ndarray:
    """The boxes that fit tightly around an actor as it is turned in each frame.

    Returns:
        (V, 4) float64, x1, y1, x2, y2: the pixels that hold the outermost points of the outline,
        in the coordinates of ``motion.centers_xy`` (the pixel at 0 extends from 0 to 1).
    """
    angles = np.radians(motion.angles)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y = look.outline_xy.T
    turned = np.stack([cosine * x - sine * y, sine * x + cosine * y])  # (2, V, n)
    lowest, highest = motion.sizes * turned.min(axis=-1), motion.sizes * turned.max(axis=-1)
    return np.concatenate([motion.centers_xy + lowest.T, motion.centers_xy + highest.T - 1], axis=1)


def draw_background(image_size: int, swing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw colored noise of several scales that pans steadily, and swings with the camera.

    Args:
        image_size: S, side of the square frames in pixels.
        swing: (V, 2) float64, by how many pixels the camera shifts the scene in each frame.
        rng: the source of all draws.

    Returns:
        (V, S, S, 3) uint8, BGR.
    """
    num_frames, unit = len(swing), image_size / REFERENCE_SIZE
    heading, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.6) * unit
    velocity = speed * np.array([np.cos(heading), np.sin(heading)])
    margin = int(np.ceil(np.abs(swing).max()))
    side = image_size + int(np.ceil(speed * num_frames)) + 2 + 2 * margin
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
    frames = np.empty((num_frames, image_size, image_size, 3), np.uint8)
    for time, frame in enumerate(frames):
        center = (side - 1) / 2 + velocity * (time - (num_frames - 1) / 2) - swing[time]
        cv2.getRectSubPix(canvas, (image_size, image_size), center, frame)
    return frames


def draw_sprite(image: np.ndarray, look: Look, motion: Motion, box: np.ndarray, time: int) -> None:
    """Draw an actor into an image.

    Args:
        image: (S, S, 3) uint8, BGR; changed in place.
        look: the actor's look.
        motion: the actor's motion, its centers in the image's pixels.
        box: (4,), its `actor_boxes` in this frame; nothing else is drawn, and nothing at all
            where it lies outside the image.
        time: 0-based frame of ``motion``.
    """
    # Interpolation softens the contour by less than a pixel.
    x1, y1 = (max(math.floor(low) - 1, 0) for low in box[:2])
    x2, y2 = (max(math.ceil(high) + 2, 0) for high in box[2:])
    region = image[y1:y2, x1:x2]
    if not region.size:
        return
    height, width = region.shape[:2]
    # Pixel centers of the patch -> the actor's frame of reference -> fine pixels of the region.
    scale = SUPERSAMPLING * motion.sizes[time] * PATCH_SPAN / PATCH_SIZE
    angle, middle = math.radians(motion.angles[time]), (PATCH_SIZE - 1) / 2
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    x, y = SUPERSAMPLING * (motion.centers_xy[time] - (x1, y1)) - 0.5
    x_row = (cosine, -sine, x - (cosine - sine) * middle)
    y_row = (sine, cosine, y - (sine + cosine) * middle)
    fine_size = (SUPERSAMPLING * width, SUPERSAMPLING * height)
    fine = cv2.warpAffine(look.patch, np.array([x_row, y_row]), fine_size)
    sprite = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    opacity = sprite[..., 3:] * np.float32(1 / 255)
    region[:] = np.rint(region + (sprite[..., :3].astype(np.float32) - region) * opacity)
