"""How the actors of the synthetic data set move.

Ten actions that only motion tells apart. Positions are in pixels, x to the right and y down; angles
in degrees, clockwise on the screen; a step leads from one frame to the next.

* Told apart inside five frames: left / right, grow / shrink, clockwise / counter-clockwise.
* Told apart only over more than five frames. ``straight_vertical`` (up or down) and
  ``to_and_fro_vertical`` move at the same constant speed; the latter turns each 10 or 11 steps.
  ``slow_sway`` and ``fast_sway`` move to and fro along a diagonal at the same constant speed; they
  turn each 10 or 11 steps, and each 5. Five frames hold four steps and so at most one turn; most
  hold none. Sixteen frames hold a turn of every leg, and two of each short one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LABELS = (
    "move_left",
    "move_right",
    "grow",
    "shrink",
    "rotate_clockwise",
    "rotate_counter_clockwise",
    "straight_vertical",
    "to_and_fro_vertical",
    "slow_sway",
    "fast_sway",
)

# Lengths below are pixels of a frame of this side; other frames scale them.
REFERENCE_SIZE = 128
SMALL_SIZE = (24.0, 28.0)
LARGE_SIZE = (50.0, 56.0)
# Pixels a step; the top speed also leaves an actor in the frame, with this room for its way.
SPEED = (1.9, 3.2)
ROOM = 118.0
MAX_DRIFT = 0.12
TURN_RATE = (18.0, 22.0)  # degrees a step
LONG_LEG = (10, 11)  # steps
SHORT_LEG = 5


@dataclass(frozen=True)
class Motion:
    """An actor's state in each of V frames.

    Attributes:
        centers_xy: (V, 2) float64, pixels relative to the center of the first frame.
        sizes: (V,) float64, the actor's diameter in pixels.
        angles: (V,) float64, degrees clockwise.
    """

    centers_xy: np.ndarray
    sizes: np.ndarray
    angles: np.ndarray


def draw_motion(
    label: str | None,
    num_frames: int,
    start: int,
    length: int,
    image_size: int,
    rng: np.random.Generator,
) -> Motion:
    """Draw the motion of one actor.

    Every actor draws the same quantities in the same order whatever its label; the label only says
    which one is set in motion. At any one moment of an action, size and angle are therefore
    distributed as those of an idle actor.

    Args:
        label: one of ``LABELS``, or None for an actor that stays idle.
        num_frames: V, the video's length.
        start: 0-based first frame of the action; before it the actor drifts idly.
        length: frames that the action lasts, at least 2; after them the actor drifts idly.
        image_size: side of the square frames in pixels.
        rng: the source of all draws.

    Raises:
        ValueError: if ``label`` is unknown.
    """
    if label is not None and label not in LABELS:
        raise ValueError(f"unknown action {label!r}; the actions are {', '.join(LABELS)}")
    unit = image_size / REFERENCE_SIZE
    small, large = rng.uniform(*SMALL_SIZE) * unit, rng.uniform(*LARGE_SIZE) * unit
    size = rng.uniform(small, large)
    max_speed = min(SPEED[1] * unit, (ROOM * unit - size) / (length - 1))
    speed = rng.uniform(min(SPEED[0] * unit, max_speed), max_speed)
    drift = rng.uniform(-MAX_DRIFT, MAX_DRIFT, 2) * unit
    angle, turn_rate = rng.uniform(0, 360), rng.uniform(*TURN_RATE)
    direction = rng.choice((-1, 1))
    long_leg = int(rng.choice(LONG_LEG))
    leg = SHORT_LEG if label == "fast_sway" else long_leg
    phase = rng.uniform(0, 2 * leg)
    slope = rng.choice((-1, 1))

    time = np.arange(num_frames)
    steps = np.clip(time - start, 0, length - 1) if label else np.zeros(num_frames)
    centers = time[:, None] * drift
    if label in ("move_left", "move_right"):
        centers[:, 0] += steps * (speed if label == "move_right" else -speed)
    elif label == "straight_vertical":
        centers[:, 1] += steps * speed * direction
    elif label in ("to_and_fro_vertical", "slow_sway", "fast_sway"):
        way = speed * _to_and_fro(steps + phase, leg)
        diagonal = np.array([1, slope]) / np.sqrt(2)
        heading = np.array([0, 1]) if label == "to_and_fro_vertical" else diagonal
        centers += (way - way[0])[:, None] * heading

    sizes = np.full(num_frames, size)
    if label in ("grow", "shrink"):
        first, last = (small, large) if label == "grow" else (large, small)
        sizes = first + (last - first) * steps / (length - 1)

    angles = np.full(num_frames, angle)
    if label in ("rotate_clockwise", "rotate_counter_clockwise"):
        angles += steps * (turn_rate if label == "rotate_clockwise" else -turn_rate)
    return Motion(centers, sizes, angles)


def _to_and_fro(steps: np.ndarray, leg: int) -> np.ndarray:
    """A triangle wave of slope 1 and -1 between 0 and ``leg``, that turns each ``leg`` steps."""
    return leg - np.abs(np.mod(steps, 2 * leg) - leg)
