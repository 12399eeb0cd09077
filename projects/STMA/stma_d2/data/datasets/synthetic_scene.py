"""What surrounds the actors of the synthetic data set: a camera's swing, clutter, posts and rails.

All of it is drawn only where a level's factors ask for it. Everything that is seen lies in one
scene, so that the camera's swing moves actors, background and surroundings alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .synthetic_motion import REFERENCE_SIZE, Motion
from .synthetic_render import Look, actor_boxes, draw_look

# Lengths below are pixels of a frame of 128 pixels.
SWING_PERIOD = (24.0, 48.0)  # frames
CLUTTER_SIZE = (7.0, 12.0)
CLUTTER_SPEED = (0.6, 2.4)  # a step
CLUTTER_TURN = 15.0  # degrees a step at most
POST_WIDTH = (5.0, 11.0)


@dataclass(frozen=True)
class Sprite:
    """A thing that moves.

    Attributes:
        look: what it looks like.
        motion: how it moves, its centers in the frame's pixels.
        boxes: (V, 4) float64, its boxes x1, y1, x2, y2 in each frame.
    """

    look: Look
    motion: Motion
    boxes: np.ndarray


@dataclass(frozen=True)
class Post:
    """A post or a rail: a straight bar in front of everything, through the whole frame.

    Attributes:
        axis: 0 for a post, which has an x; 1 for a rail, which has a y.
        middle: (V,) float64, that coordinate in each frame, pixels.
        width: pixels.
        color: (3,) float64, BGR.
    """

    axis: int
    middle: np.ndarray
    width: float
    color: np.ndarray


def draw_swing(num_frames: int, top_speed: float, rng: np.random.Generator) -> np.ndarray:
    """Draw how a camera in an unsteady hand shifts the whole scene.

    Args:
        num_frames: V.
        top_speed: pixels a step along each axis, at most; at 0 nothing is drawn.
        rng: the source of all draws.

    Returns:
        (V, 2) float64, pixels in x and y.
    """
    if not top_speed:
        return np.zeros((num_frames, 2))
    rates = 2 * np.pi / rng.uniform(*SWING_PERIOD, 2)
    phases, speeds = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.3, 1, 2) * top_speed
    return speeds / rates * np.sin(rates * np.arange(num_frames)[:, None] + phases)


def draw_clutter(
    most: int, swing: np.ndarray, image_size: int, rng: np.random.Generator
) -> list[Sprite]:
    """Draw small things that fly straight on, in and out of the frame.

    Args:
        most: how many at most; at 0 nothing is drawn.
        swing: (V, 2), the camera's.
        image_size: side of the square frames in pixels.
        rng: the source of all draws.
    """
    unit, num_frames = image_size / REFERENCE_SIZE, len(swing)
    things = []
    for _ in range(rng.integers(most + 1) if most else 0):
        look, size = draw_look(rng), rng.uniform(*CLUTTER_SIZE) * unit
        heading, speed = rng.uniform(0, 2 * np.pi), rng.uniform(*CLUTTER_SPEED) * unit
        velocity = speed * np.array([np.cos(heading), np.sin(heading)])
        # Where it is at some time, so that every thing is seen for a while.
        time = np.arange(num_frames) - rng.uniform(0, num_frames)
        centers = rng.uniform(0, image_size, 2) + time[:, None] * velocity + swing
        angles = rng.uniform(0, 360) + time * rng.uniform(-CLUTTER_TURN, CLUTTER_TURN)
        motion = Motion(centers, np.full(num_frames, size), angles)
        things.append(Sprite(look, motion, actor_boxes(look, motion)))
    return things


def draw_posts(
    most: int, swing: np.ndarray, image_size: int, rng: np.random.Generator
) -> list[Post]:
    """Draw posts and rails; arguments as in `draw_clutter`."""
    posts = []
    for _ in range(rng.integers(most + 1) if most else 0):
        axis, width = int(rng.integers(2)), rng.uniform(*POST_WIDTH) * image_size / REFERENCE_SIZE
        middle = rng.uniform(0.1, 0.9) * image_size + swing[:, axis]
        posts.append(Post(axis, middle, width, rng.uniform(60, 150) + rng.uniform(-25, 25, 3)))
    return posts


def paint_post(image: np.ndarray, post: Post, time: int) -> None:
    """Paint a post, round and lit from the front, into an image.

    Args:
        image: (S, S, 3) uint8, BGR; changed in place.
        post: the post.
        time: 0-based frame.
    """
    middle, half = post.middle[time], post.width / 2
    first, end = max(math.floor(middle - half), 0), max(math.ceil(middle + half), 0)
    region = image[:, first:end] if post.axis == 0 else image[first:end].swapaxes(0, 1)
    pixels = first + np.arange(region.shape[1])[:, None]
    cover = np.minimum(pixels + 1, middle + half) - np.maximum(pixels, middle - half)
    across = np.clip((pixels + 0.5 - middle) / half, -1, 1)
    color = post.color * (0.5 + 0.5 * np.sqrt(1 - across**2))
    region[:] = np.rint(region + (color - region) * np.clip(cover, 0, 1))
