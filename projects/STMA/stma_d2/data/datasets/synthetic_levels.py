"""The three levels of the synthetic data set: their actions, and what makes them difficult."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

from ...errors import InputError
from . import synthetic_motion
from .synthetic_motion import Motion
from .synthetic_moves import LONG, SHORT, draw_pattern_motion
from .synthetic_render import MARKINGS


def _factor(default: float, low: float, high: float, meaning: str) -> float:
    return field(default=default, metadata={"low": low, "high": high, "meaning": meaning})


@dataclass(frozen=True)
class Factors:
    """What makes videos difficult; the defaults are those of the level `easy`.

    Each field's metadata has its bounds and its meaning; a field whose default is an int is whole.
    """

    actors: int = _factor(3, 1, 4, "actors that act in a video, at most")
    same_class: float = _factor(
        0.0, 0, 1, "share of the videos of several actors in which two do the same"
    )
    min_length: int = _factor(26, 16, 120, "frames of the shortest actions")
    max_length: int = _factor(32, 16, 120, "frames of the longest actions")
    untrimmed: float = _factor(
        1.0, 0, 1, "share of the videos in which actors idle before and after their actions"
    )
    overlap: float = _factor(
        0.0, 0, 0.6, "how much of an actor's box another may cover; 0 keeps them clear"
    )
    occluders: int = _factor(0, 0, 6, "posts and rails in front of a video, at most")
    camera: float = _factor(
        0.0, 0, 3, "top speed of a swinging camera, pixels a step of a 128-pixel frame"
    )
    clutter: int = _factor(
        0, 0, 20, "small things that fly about behind the actors of a video, at most"
    )

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: naming the factor, if its value is out of range.
        """
        for one in fields(self):
            value, low, high = getattr(self, one.name), one.metadata["low"], one.metadata["high"]
            kinds = (int,) if type(one.default) is int else (int, float)
            if type(value) not in kinds or not low <= value <= high:
                whole = "whole " if kinds == (int,) else ""
                raise InputError(
                    f"the factor {one.name} is {value!r}; it must be a {whole}number, at least "
                    f"{low:g} and at most {high:g}"
                )
        if self.min_length > self.max_length:
            raise InputError(
                f"the factor min_length is {self.min_length}; it must be at most max_length, "
                f"{self.max_length}"
            )


@dataclass(frozen=True)
class Level:
    """One of the generated data sets.

    Attributes:
        name: what the generator calls it.
        folder: below the folder of all data sets; also what its registered names begin with.
        class_groups: each action's group: "looks" is decided by one frame, "short" by the
            snippet's five, "long" by the clip's sixteen.
        draw_motion: how an actor moves, see `synthetic_motion.draw_motion`. Actions of looks,
            which are the names of markings, are never asked for.
        factors: what makes it difficult.
    """

    name: str
    folder: str
    class_groups: dict[str, str]
    draw_motion: Callable[..., Motion]
    factors: Factors

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the actions; an annotated label is an index into them."""
        return tuple(self.class_groups)

    @property
    def moves(self) -> tuple[str, ...]:
        """The actions that are motions."""
        return tuple(label for label, group in self.class_groups.items() if group != "looks")


def _grouped(**groups: tuple[str, ...]) -> dict[str, str]:
    return {label: group for group, labels in groups.items() for label in labels}


_LEVELS = (
    Level(
        name="easy",
        folder="synthetic_actions",
        class_groups=_grouped(short=synthetic_motion.LABELS[:6], long=synthetic_motion.LABELS[6:]),
        draw_motion=synthetic_motion.draw_motion,
        factors=Factors(),
    ),
    Level(
        name="middle",
        folder="synthetic_actions_middle",
        class_groups=_grouped(looks=MARKINGS[:4], short=SHORT[:4], long=LONG[:4]),
        draw_motion=draw_pattern_motion,
        factors=Factors(
            same_class=0.3,
            min_length=16,
            max_length=40,
            untrimmed=0.5,
            overlap=0.15,
            occluders=1,
            camera=0.4,
            clutter=4,
        ),
    ),
    Level(
        name="hard",
        folder="synthetic_actions_hard",
        class_groups=_grouped(looks=MARKINGS, short=SHORT, long=LONG),
        draw_motion=draw_pattern_motion,
        factors=Factors(
            actors=4,
            same_class=0.5,
            min_length=16,
            max_length=56,
            untrimmed=0.7,
            overlap=0.35,
            occluders=4,
            camera=1.2,
            clutter=10,
        ),
    ),
)
LEVELS = {level.name: level for level in _LEVELS}
