"""Rules: what they take, and values of any kind that they refuse without a stack trace."""

from __future__ import annotations

import math

import pytest

from stma_d2.config.rules import (
    flag,
    list_of,
    none_or,
    number,
    one_of,
    several,
    shown,
    text,
    whole,
)

ODD = [None, True, -1, 0, 1, 2.5, math.nan, math.inf, 10**400, "abc", "", (), [1, 2], [[1]], {}]
SHARE = number(0, 1, below=True)


@pytest.mark.parametrize(
    ("rule", "taken"),
    [
        (number(0, 1), [0, 1]),
        (number(0, 1, above=True, below=True), []),
        (number(0, math.inf, above=True), [1, 2.5, math.inf, 10**400]),
        (whole(0, 3), [0, 1]),
        (whole(-1, 3, step=2), [-1, 1]),
        (flag(), [True]),
        (text(), ["abc", ""]),
        (text(".+", "a name"), ["abc"]),
        (one_of(1, "abc"), [1, "abc"]),
        (several(2, whole(0, 9)), [[1, 2]]),
        (list_of(whole(0, 9)), [(), [1, 2]]),
        (none_or(one_of("")), [None, ""]),
    ],
)
def test_a_rule_takes_its_values_and_no_others(rule, taken):
    assert [value for value in ODD if rule.holds(value)] == taken


def test_order_and_repetition():
    rising = several(2, number(0, 9), ascending=True)
    assert rising.holds((3, 3)) and not rising.holds((3, 2))
    steps = list_of(whole(1, 9), ascending=True)
    assert steps.holds((2, 3)) and not steps.holds((3, 3)) and not steps.holds((3, 2))
    names = list_of(text(), distinct=True)
    assert names.holds(("b", "a")) and not names.holds(("a", "b", "a"))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (SHARE, "a number, at least 0 and below 1"),
        (number(0, math.inf, above=True), "a number, above 0"),
        (whole(1, 9), "a whole number, at least 1 and at most 9"),
        (whole(1, 99, step=2), "one of 1, 3, 5, ... up to 99"),
        (one_of("a", "b"), "one of 'a', 'b'"),
        (one_of("a"), "'a'"),
        (several(2, SHARE), "2 values, each a number, at least 0 and below 1"),
        (none_or(flag()), "None or True or False"),
    ],
)
def test_the_words_tell_the_rule(rule, words):
    assert rule.words == words


def test_any_value_is_shown_on_one_short_line():
    deep = []
    for _ in range(5000):
        deep = [deep, deep]
    for value in (*ODD, 16**100_000, "a\nb" * 10_000, deep, b"\n" * 9999, "\ud800"):
        assert len(shown(value)) < 300 and "\n" not in shown(value)
