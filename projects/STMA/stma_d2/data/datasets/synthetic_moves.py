"""How the actors of the levels `middle` and `hard` move, and what tells their actions apart.

Every action but those of looks repeats a short cycle of steps, and so does the actor's whole motion
while the action lasts. Steps are whole multiples of one actor's speed; directions are headings of
45 + 90 h degrees, or up and down, left and right.

* ``looks``: one frame decides. The actor's body bears a marking, and it moves as any other does.
* ``short``: one frame shows nothing, since each action is its partner's run backwards; but any step
  does. More frames add nothing.
* ``long``: five frames decide nothing, since any four steps of an action are as frequent in its
  partner (``tests/data/datasets/test_synthetic_moves.py`` counts them); any sixteen frames do. Two
  turns of a path stand so far apart that five frames see one at most, and the partners turn
  equally often: ``circuit`` turns always to the same side and ``zigzag`` to either in turn;
  ``sway`` and ``rock_evenly`` turn back after equal times, ``advance`` and ``rock_unevenly`` after
  a long and a short one. Who gets about is rarely near the border, and large or fast a little less
  often: such odds tell partners apart in hardly more than half of the frames.

Units as in ``synthetic_motion``: pixels, degrees clockwise, steps from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .synthetic_motion import MAX_DRIFT, REFERENCE_SIZE, ROOM, SPEED, TURN_RATE, Motion

# Lengths below are pixels of a frame of this side; other frames scale them.
SMALL_SIZE = (22.0, 26.0)
LARGE_SIZE = (42.0, 48.0)


@dataclass(frozen=True)
class Pattern:
    """What repeats itself while an action lasts.

    Attributes:
        quantity: what the cycle sets: "x", "y", "angle" (steps of -1 or 1 times the actor's speed),
            "heading" (the direction of each step, in quarters of a turn) or "size" (of each frame,
            0 the smallest and 1 the largest).
        cycle: its values.
        mirrored: whether half of the actors do the opposite.
    """

    quantity: str
    cycle: tuple[float, ...]
    mirrored: bool = False


def _legs(*lengths: int) -> tuple[int, ...]:
    """To and fro: as many steps one way, as many the other."""
    ways = [(1 if index % 2 == 0 else -1, length) for index, length in enumerate(lengths)]
    return tuple(way for way, length in ways for _ in range(length))


# Five frames hold four steps, between which there are three places to turn at: turns that stand
# three steps apart are never seen together. Sixteen frames hold fifteen steps.
_LEG = 5
_EVEN, _UNEVEN = (7, 7), (11, 3)
_SIZES = tuple(level / 8 for level in range(9))

PATTERNS = {
    "move_left": Pattern("x", (-1,)),
    "move_right": Pattern("x", (1,)),
    "swell": Pattern("size", _SIZES),
    "deflate": Pattern("size", _SIZES[::-1]),
    "turn_clockwise": Pattern("angle", (1,)),
    "turn_counter_clockwise": Pattern("angle", (-1,)),
    "circuit": Pattern("heading", tuple(np.repeat(range(4), _LEG).tolist()), mirrored=True),
    "zigzag": Pattern("heading", tuple(np.repeat(range(2), _LEG).tolist()), mirrored=True),
    "sway": Pattern("y", _legs(*_EVEN), mirrored=True),
    "advance": Pattern("y", _legs(*_UNEVEN), mirrored=True),
    "rock_evenly": Pattern("angle", _legs(*_EVEN), mirrored=True),
    "rock_unevenly": Pattern("angle", _legs(*_UNEVEN), mirrored=True),
}
SHORT = ("move_left", "move_right", "swell", "deflate", "turn_clockwise", "turn_counter_clockwise")
LONG = ("circuit", "zigzag", "sway", "advance", "rock_evenly", "rock_unevenly")


def draw_pattern_motion(
    label: str | None,
    num_frames: int,
    start: int,
    length: int,
    image_size: int,
    rng: np.random.Generator,
) -> Motion:
    """Draw the motion of one actor, as `synthetic_motion.draw_motion` does.

    Every actor draws the same quantities in the same order whatever it does.

    Args:
        label: a key of ``PATTERNS``, or None for an actor that stays idle.
        num_frames: V, the video's length.
        start: 0-based first frame of the action; before it the actor drifts idly.
        length: frames that the action lasts, at least 2; after them the actor drifts idly.
        image_size: side of the square frames in pixels.
        rng: the source of all draws.
    """
    unit = image_size / REFERENCE_SIZE
    small, large = rng.uniform(*SMALL_SIZE) * unit, rng.uniform(*LARGE_SIZE) * unit
    size = rng.uniform(small, large)
    # The top speed leaves an actor that goes straight on in the frame.
    max_speed = min(SPEED[1] * unit, (ROOM * unit - size) / (length - 1))
    speed = rng.uniform(min(SPEED[0] * unit, max_speed), max_speed)
    drift = rng.uniform(-MAX_DRIFT, MAX_DRIFT, 2) * unit
    angle, turn_rate = rng.uniform(0, 360), rng.uniform(*TURN_RATE)
    phase, quarter = int(rng.integers(_PHASES)), int(rng.integers(4))
    side = int(rng.choice((-1, 1)))

    time = np.arange(num_frames)
    centers = time[:, None] * drift
    sizes, angles = np.full(num_frames, size), np.full(num_frames, angle)
    if label is not None:
        pattern = PATTERNS[label]
        steps = np.clip(time - start, 0, length - 1)
        if pattern.quantity == "size":
            shares = unroll(pattern, phase, quarter, side, length)
            sizes = small + (large - small) * shares[steps]
        else:
            moves = unroll(pattern, phase, quarter, side, length - 1)
            way = np.concatenate([np.zeros((1, 3)), np.cumsum(moves, axis=0)])[steps]
            centers += speed * way[:, :2]
            angles += turn_rate * way[:, 2]
    return Motion(centers, sizes, angles)


# Every place of every cycle is equally likely.
_PHASES = int(np.lcm.reduce([len(pattern.cycle) for pattern in PATTERNS.values()]))


def unroll(pattern: Pattern, phase: int, quarter: int, side: int, length: int) -> np.ndarray:
    """Repeat a pattern.

    Args:
        pattern: what to repeat.
        phase: where in the cycle to begin; at least 0.
        quarter: 0 .. 3, by how many quarters headings are turned.
        side: 1, or -1 for the opposite where the pattern is mirrored.
        length: number of values.

    Returns:
        (length,) float64, sizes from 0 to 1, or (length, 3) float64, steps in x, y and angle in
        units of the actor's speeds.
    """
    side = side if pattern.mirrored else 1
    values = np.array(pattern.cycle)[(phase + np.arange(length)) % len(pattern.cycle)]
    if pattern.quantity == "size":
        return values
    moves = np.zeros((length, 3))
    if pattern.quantity == "heading":
        headings = np.pi / 4 + np.pi / 2 * (quarter + side * values)
        moves[:, 0], moves[:, 1] = np.cos(headings), np.sin(headings)
    else:
        moves[:, ("x", "y", "angle").index(pattern.quantity)] = side * values
    return moves
