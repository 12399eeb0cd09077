"""Who appears in a video of the synthetic data set, where, and what they do when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .synthetic_motion import LABELS, Motion, draw_motion
from .synthetic_render import Look, actor_boxes, draw_look

# Frames: of a video, of an action, and the least idle ones on either side of an action.
VIDEO_LENGTH = (36, 42)
ACTION_LENGTH = (26, 32)
MIN_IDLE = 4
# Acting actors of successive videos, and the most sprites that a video shows.
ACTORS = (1, 2, 3, 2)
MAX_SPRITES = 3
# Pixels between any two sprites' boxes, and between a box and the border.
GAP = 4


@dataclass(frozen=True)
class Actor:
    """One sprite of a video.

    Attributes:
        label: 0-based index into ``LABELS``; None for an actor that idles throughout.
        start: 0-based first frame of the action.
        length: frames that the action lasts.
        look: its look.
        motion: its motion, centers in the frame's pixels.
        boxes: (V, 4) float64, x1, y1, x2, y2, in each of the video's frames.
    """

    label: int | None
    start: int
    length: int
    look: Look
    motion: Motion
    boxes: np.ndarray


def deal_labels(num_videos: int, rng: np.random.Generator) -> list[list[int]]:
    """The actions of each video: all different within it, all equally frequent over all videos."""
    hands: list[list[int]] = []
    deck: list[int] = []
    for video in range(num_videos):
        count = ACTORS[video % len(ACTORS)]
        hand, deck = deck[:count], deck[count:]
        if len(hand) < count:
            fresh = sorted(rng.permutation(len(LABELS)).tolist(), key=hand.__contains__)
            missing = count - len(hand)
            hand, deck = hand + fresh[:missing], fresh[missing:]
        hands.append(hand)
    return hands


def plan_video(labels: Sequence[int], image_size: int, rng: np.random.Generator) -> list[Actor]:
    """Draw a video's actors: first those that act, one a label, then those that idle.

    Args:
        labels: 0-based indices into ``LABELS``, at most ``MAX_SPRITES``.
        image_size: side of the square frames in pixels.
        rng: the source of all draws.

    Raises:
        RuntimeError: if the actors cannot be placed clear of each other.
    """
    num_frames = int(rng.integers(VIDEO_LENGTH[0], VIDEO_LENGTH[1] + 1))
    # A lone actor always has company, or nothing idle would be seen beside it.
    fewest = 1 if len(labels) == 1 else 0
    num_idle = int(rng.integers(fewest, MAX_SPRITES - len(labels) + 1))
    for _ in range(1000):
        # All looks and motions are drawn anew, so that nobody is small because he came last.
        actors = [
            _draw_actor(label, num_frames, image_size, rng)
            for label in [*labels, *[None] * num_idle]
        ]
        placed = _place(actors, image_size, rng)
        if placed is not None:
            return placed
    raise RuntimeError(f"found no room for actors that do {[LABELS[i] for i in labels]}")


def _draw_actor(
    label: int | None, num_frames: int, image_size: int, rng: np.random.Generator
) -> Actor:
    look = draw_look(rng)
    length = int(rng.integers(ACTION_LENGTH[0], ACTION_LENGTH[1] + 1))
    length = min(length, num_frames - 2 * MIN_IDLE)
    start = int(rng.integers(MIN_IDLE, num_frames - MIN_IDLE - length + 1))
    name = None if label is None else LABELS[label]
    motion = draw_motion(name, num_frames, start, length, image_size, rng)
    return Actor(label, start, length, look, motion, actor_boxes(look, motion))


def _place(
    actors: Sequence[Actor], image_size: int, rng: np.random.Generator
) -> list[Actor] | None:
    """Shift the actors to random places, clear of the border and of each other in every frame."""
    placed: list[Actor] = []
    for actor in actors:
        lowest = GAP - actor.boxes[:, :2].min(axis=0)
        highest = image_size - 1 - GAP - actor.boxes[:, 2:].max(axis=0)
        if np.any(lowest > highest):
            return None
        for _ in range(30):
            shift = rng.uniform(lowest, highest)
            boxes = actor.boxes + np.tile(shift, 2)
            if not any(_meet(boxes, other.boxes) for other in placed):
                break
        else:
            return None
        motion = replace(actor.motion, centers_xy=actor.motion.centers_xy + shift)
        placed.append(replace(actor, motion=motion, boxes=boxes))
    return placed


def _meet(boxes: np.ndarray, others: np.ndarray) -> bool:
    """Whether in any frame two boxes have less than ``GAP`` pixels between them."""
    apart = (boxes[:, :2] > others[:, 2:] + GAP) | (others[:, :2] > boxes[:, 2:] + GAP)
    return not apart.any(axis=1).all()
