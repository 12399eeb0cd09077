"""Who appears in a video of the synthetic data set, where, and what they do when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError
from .synthetic_levels import Level
from .synthetic_motion import REFERENCE_SIZE
from .synthetic_render import Look, actor_boxes, draw_look
from .synthetic_scene import Post, Sprite, draw_clutter, draw_posts, draw_swing

# Frames: by how many an untrimmed video is longer than an action, and the least idle ones on either
# side of an action.
MORE_FRAMES = 10
MIN_IDLE = 4
# Pixels between any two sprites' boxes (unless they may overlap), and between a box and the border.
GAP = 4


@dataclass(frozen=True)
class Actor(Sprite):
    """One of those who may act.

    Attributes:
        label: 0-based index into the level's labels; None for an actor that idles throughout.
        start: 0-based first frame of the action.
        length: frames that the action lasts.
        costume: what it looks like during its action; of the same outline.
    """

    label: int | None
    start: int
    length: int
    costume: Look

    def look_at(self, time: int) -> Look:
        """What it looks like in a 0-based frame."""
        acts = self.label is not None and self.start <= time < self.start + self.length
        return self.costume if acts else self.look


@dataclass(frozen=True)
class VideoPlan:
    """All that a video shows but its background.

    Attributes:
        actors: first those that act, then those that idle.
        swing: (V, 2) float64, by how many pixels the camera shifts the scene in each frame.
        clutter: behind the actors.
        posts: in front of them.
    """

    actors: tuple[Actor, ...]
    swing: np.ndarray
    clutter: tuple[Sprite, ...]
    posts: tuple[Post, ...]


def deal_labels(num_videos: int, level: Level, rng: np.random.Generator) -> list[list[int]]:
    """The actions of each video, 0-based indices into the level's labels.

    They are all different within a video and equally frequent over all videos, but for the share
    ``same_class`` of the videos of several actors: there the second does what the first does.
    """
    most, num_labels = level.factors.actors, len(level.labels)
    counts = [*range(1, most + 1), *range(most - 1, 1, -1)]
    hands: list[list[int]] = []
    deck: list[int] = []
    for video in range(num_videos):
        count = counts[video % len(counts)]
        hand, deck = deck[:count], deck[count:]
        if len(hand) < count:
            fresh = sorted(rng.permutation(num_labels).tolist(), key=hand.__contains__)
            missing = count - len(hand)
            hand, deck = hand + fresh[:missing], fresh[missing:]
        hands.append(hand)
    if level.factors.same_class:
        for hand in hands:
            if len(hand) > 1 and rng.random() < level.factors.same_class:
                hand[1] = hand[0]
    return hands


def plan_video(
    labels: Sequence[int], level: Level, image_size: int, rng: np.random.Generator
) -> VideoPlan:
    """Draw a video: actors, first those that act, one a label, then those that idle; and the rest.

    Args:
        labels: 0-based indices into the level's labels.
        level: the actions, and what makes the video difficult.
        image_size: side of the square frames in pixels.
        rng: the source of all draws.

    Raises:
        InputError: if the actors cannot be placed, which the factors then leave no room for.
    """
    factors, unit = level.factors, image_size / REFERENCE_SIZE
    trimmed = factors.untrimmed < 1 and rng.random() >= factors.untrimmed
    more = 0 if trimmed else MORE_FRAMES
    num_frames = int(rng.integers(factors.min_length + more, factors.max_length + more + 1))
    # A lone actor always has company, or nothing idle would be seen beside it.
    fewest = 1 if len(labels) == 1 else 0
    num_idle = int(rng.integers(fewest, max(factors.actors, 2) - len(labels) + 1))
    swing = draw_swing(num_frames, factors.camera * unit, rng)
    for _ in range(1000):
        # All looks and motions are drawn anew, so that nobody is small because he came last.
        actors = [
            _draw_actor(label, level, swing, trimmed, image_size, rng)
            for label in [*labels, *[None] * num_idle]
        ]
        placed = _place(actors, factors.overlap, image_size, rng)
        if placed is not None:
            break
    else:
        doing = ", ".join(level.labels[i] for i in labels)
        raise InputError(
            f"no room was found for actors that {doing} in {num_frames} frames; ask for fewer "
            "actors, shorter actions, more overlap or a steadier camera"
        )
    clutter = draw_clutter(factors.clutter, swing, image_size, rng)
    posts = draw_posts(factors.occluders, swing, image_size, rng)
    return VideoPlan(tuple(placed), swing, tuple(clutter), tuple(posts))


def _draw_actor(
    label: int | None,
    level: Level,
    swing: np.ndarray,
    trimmed: bool,
    image_size: int,
    rng: np.random.Generator,
) -> Actor:
    look, num_frames, factors = draw_look(rng), len(swing), level.factors
    start, length = 0, num_frames
    if not trimmed:
        length = int(rng.integers(factors.min_length, factors.max_length + 1))
        length = min(length, num_frames - 2 * MIN_IDLE)
        start = int(rng.integers(MIN_IDLE, num_frames - MIN_IDLE - length + 1))
    name = None if label is None else level.labels[label]
    costume = look
    if level.class_groups.get(name) == "looks":
        # Moves as anybody may, or not at all.
        costume, name = replace(look, marking=name), rng.choice([None, *level.moves])
    motion = level.draw_motion(name, num_frames, start, length, image_size, rng)
    motion = replace(motion, centers_xy=motion.centers_xy + swing)
    return Actor(look, motion, actor_boxes(look, motion), label, start, length, costume)


def _place(
    actors: Sequence[Actor], overlap: float, image_size: int, rng: np.random.Generator
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
            if not any(_meet(boxes, other.boxes, overlap) for other in placed):
                break
        else:
            return None
        motion = replace(actor.motion, centers_xy=actor.motion.centers_xy + shift)
        placed.append(replace(actor, motion=motion, boxes=boxes))
    return placed


def _meet(boxes: np.ndarray, others: np.ndarray, overlap: float) -> bool:
    """Whether in any frame two boxes cover more of the smaller than ``overlap``.

    Where that is 0, they must have ``GAP`` pixels between them.
    """
    if not overlap:
        apart = (boxes[:, :2] > others[:, 2:] + GAP) | (others[:, :2] > boxes[:, 2:] + GAP)
        return not apart.any(axis=1).all()
    common = np.minimum(boxes[:, 2:], others[:, 2:]) - np.maximum(boxes[:, :2], others[:, :2])
    smaller = np.minimum(*(np.prod(one[:, 2:] - one[:, :2], axis=1) for one in (boxes, others)))
    return bool((np.prod(np.clip(common, 0, None), axis=1) > overlap * smaller).any())
