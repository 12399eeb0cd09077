"""Numbers on the command line."""

from __future__ import annotations

import argparse

import pytest

from stma_d2.arguments import argument
from stma_d2.config.rules import number, whole


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--score", type=argument(number(0, 1)))
    parser.add_argument("--count", type=argument(whole(1, 9)))
    return parser


def test_numbers_within_bounds_are_taken(parser):
    args = parser.parse_args(["--score", "0.5", "--count", "3"])
    assert (args.score, args.count) == (0.5, 3)
    assert parser.parse_args(["--score", "1"]).score == 1


@pytest.mark.parametrize(
    ("option", "word"),
    [("--score", word) for word in ("nan", "inf", "-0.1", "2", "much", "9" * 5000)]
    + [("--count", word) for word in ("0", "10", "2.0", "two", "")],
)
def test_others_are_refused_with_what_is_allowed(parser, capsys, option, word):
    with pytest.raises(SystemExit) as end:
        parser.parse_args([f"{option}={word}"])
    assert end.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"argument {option}: it is {word!r}; it must be a " in last
