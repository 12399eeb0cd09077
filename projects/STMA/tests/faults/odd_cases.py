"""Configurations with an odd value: of every key, and what stands around it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from detectron2.config import get_cfg
from odd_values import (
    AROUND,
    DOCUMENTED,
    FREE,
    HUGE,
    INF,
    MAY_MEAN,
    NAN,
    NO_MEANING,
    SHARES,
    TOO_LONG,
)

from stma_d2 import add_stma_config
from stma_d2.config import load_config
from stma_d2.config.overriding import by_full_name
from stma_d2.config.without_effect import WITHOUT_EFFECT

SECTIONS = ("MODEL", "INPUT", "DATASETS", "DATALOADER", "SOLVER", "TEST")


class Case(NamedTuple):
    """A configuration with an odd value.

    Attributes:
        section: of the table.
        changes: (key, value), in turns with what must stand around them; the odd ones last.
        keys: any of which a refusal must name.
        meaningless: whether the value can have no meaning.
        by_file: whether the odd ones stand in a file, and not on the command line.
        eval_only: whether a checkpoint is evaluated, in place of a training.
        files: name and content of files that are to lie there; "mine.yaml" is the configuration.
        words: further ones of the command line.
    """

    section: str
    changes: tuple[tuple[str, Any], ...]
    keys: tuple[str, ...]
    meaningless: bool
    by_file: bool = False
    eval_only: bool = False
    files: tuple[tuple[str, bytes], ...] = ()
    words: tuple[str, ...] = ()


def section_of(key: str) -> str:
    """The row of the table that a key is counted in."""
    first = key.partition(".")[0]
    return first if first in SECTIONS else "other keys"


def around(key: str) -> tuple[tuple[str, Any], ...]:
    """What must stand beside a key so that it is read."""
    words = next((v for k, v in AROUND.items() if f"{key}.".startswith((f"{k}.", f"{k}_"))), ())
    return tuple(p for p in zip(words[::2], words[1::2], strict=True) if p[0] != key)


def without_meaning(key: str, default: Any) -> list:
    """Values of any type that can have no meaning for a key with that default."""
    if key == "SOLVER.WEIGHT_DECAY_BIAS":
        default = 0.0
    if any(f"{key}.".startswith(f"{name}.") for name in WITHOUT_EFFECT):
        values = without_effect(default)
    elif type(default) is bool:
        values = [2, -1, 0.5, NAN, "perhaps", None, [True], ""]
    elif type(default) is int:
        values = [NAN, INF, -INF, -3, 2.5, HUGE, "fast", "", [3], None, True, {}]
    elif type(default) is float:
        values = [NAN, INF, -INF, -3, HUGE, "fast", "", [0.5], None, True]
    elif type(default) is str and key in FREE:
        values = [3, None, ["x"], True, NAN]  # by a file: words of the command line are text
    elif type(default) is str:
        values = ["Nope", "", 3, None, [default], True, f"{default} "]
    elif key.endswith(("_ON_PER_STAGE",)):
        values = [True, [True], [2, 2, 2, 2], [], None, [None] * 4]
    elif default and type(default[0]) is not str:
        values = [3, "fast", [], [*default, 1], default[1:], [*default[1:], NAN], None, True]
        values += [[*default[1:], -3], [*default[1:], "x"], [default], [*default[1:], None]]
        values += [[*default[1:], HUGE], [*default[1:], INF]]
    else:  # names, or an empty list
        values = [3, "res4", "", [], [3], [None], [""], [["res4"]], ["no such name"], None, True]
        values += [NAN, ["res4", "res4"], {}]
    values = [*values, *NO_MEANING.get(key, ())]
    if key in SHARES:
        values += [1.5, -0.1]
    return [value for value in values if not among(value, DOCUMENTED.get(key, ()))]


def without_effect(default: Any) -> list:
    """Values of a key that nothing reads, which might look as if they had an effect."""
    if type(default) is bool:
        return [not default, NAN]
    if type(default) in (int, float):
        return [default + 1, -3, "fast"]
    if type(default) is str:
        return [f"{default}x", 3]
    return [[*default, 1] if default is not None else 3, NAN]


def with_meaning(key: str, default: Any) -> list:
    """Values that may have a meaning for a key with that default."""
    if any(f"{key}.".startswith(f"{name}.") for name in WITHOUT_EFFECT):
        return []
    by_type = {bool: [not default], int: [0, 1, -1, 3], float: [0, 1, -1, 1e-30]}
    values = [*by_type.get(type(default), ()), *MAY_MEAN.get(key, ()), *DOCUMENTED.get(key, ())]
    meaningless = without_meaning(key, default)
    return [v for v in values if not among(v, (*meaningless, *TOO_LONG.get(key, ())))]


def among(value: Any, values: Any) -> bool:
    """Whether a value, of that type, is one of some."""
    return any(type(value) is type(one) and repr(value) == repr(one) for one in values)


def can_be_words(key: str, value: Any) -> bool:
    """Whether the command line can say it: of nan it knows the text, and no zero bytes."""
    if key in FREE and not isinstance(value, str):
        return False
    return not (isinstance(value, list) and "nan" in repr(value)) and "\0" not in str(value)


def all_cases(config: str, words: list) -> list[Case]:
    """Every case, always the same ones in the same order.

    Args:
        config: the file that the cases change.
        words: the keys and values in turns that all of them have.
    """
    cfg = load_config(config, words)
    defaults = get_cfg()
    add_stma_config(defaults)
    rng = random.Random("ways")
    cases = []
    for key, default in {**dict(by_full_name(defaults)), **dict(by_full_name(cfg))}.items():
        values = [(value, True) for value in without_meaning(key, default)]
        values += [(value, False) for value in with_meaning(key, default)]
        for value, meaningless in values:
            by_file = rng.random() < 0.3 or not can_be_words(key, value)
            changes = (*around(key), (key, value))
            cases.append(Case(section_of(key), changes, (key,), meaningless, by_file))
        if not any(f"{key}.".startswith(f"{name}.") for name in WITHOUT_EFFECT):
            cases.append(misspelt(key, default, rng))
    return [*cases, *evaluations(cases, rng), *pairs(cases, rng)]


def misspelt(key: str, default: Any, rng: random.Random) -> Case:
    """The key without one of its letters."""
    place = rng.randrange(len(key))
    wrong = key[:place] + key[place + 1 :]
    while wrong in ("", key) or wrong.startswith(".") or ".." in wrong:
        wrong = key + "S"
    value = list(default) if isinstance(default, tuple) else default
    return Case("misspelt keys", ((wrong, value),), (wrong,), True, rng.random() < 0.3)


def evaluations(cases: list[Case], rng: random.Random) -> Iterator[Case]:
    """The same of a checkpoint's evaluation: of INPUT and TEST, all that may have a meaning."""
    for case in cases:
        key = case.keys[0]
        if case.section not in ("INPUT", "TEST") or "AUGMENTATION" in key:
            continue
        if case.meaningless and rng.random() > 0.05:
            continue
        other = () if key == "TEST.OTHER_SETTINGS" else (("TEST.OTHER_SETTINGS", True),)
        yield case._replace(
            section=f"{case.section}, --eval-only", changes=(*other, *case.changes), eval_only=True
        )


def pairs(cases: list[Case], rng: random.Random, count: int = 60) -> Iterator[Case]:
    """Two odd values that each may have a meaning, together."""
    single = [case for case in cases if not case.meaningless and case.section != "other keys"]
    for _ in range(count):
        one, other = rng.sample(single, 2)
        keys = (*one.keys, *other.keys)
        if len(set(keys)) < 2:
            continue
        beside = [p for p in (*one.changes[:-1], *other.changes[:-1]) if p[0] not in keys]
        changes = (*beside, one.changes[-1], other.changes[-1])
        yield Case("two keys", changes, keys, False, rng.random() < 0.3)
