"""Values are taken where they are of their kind, and refused with their place."""

from __future__ import annotations

import pytest

from stma_d2.errors import InputError
from stma_d2.plain_values import decimal, number, text, whole_decimal


@pytest.mark.parametrize(
    ("take", "value", "result"),
    [
        (number, 3, 3.0),
        (number, -0.5, -0.5),
        (decimal, " 12 ", 12.0),
        (decimal, "-.5", -0.5),
        (decimal, "+1.e3", 1000.0),
        (whole_decimal, "-12", -12),
        (text, "a", "a"),
        (text, b"\xfc", "\u00fc"),
    ],
)
def test_values_of_their_kind_are_taken(take, value, result):
    assert take(value, "x") == result


@pytest.mark.parametrize(
    ("take", "value", "message"),
    [
        (number, True, "x is True; it must be a number"),
        (number, "3", "x is '3'; it must be a number"),
        (number, float("inf"), "x is not finite"),
        (number, 10**400, "x is not finite"),
        (decimal, "1e999", "x is not finite"),
        (decimal, "nan", "x is 'nan'; it must be a number"),
        (decimal, "1_0", "x is '1_0'; it must be a number"),
        (decimal, "\u0663", "it must be a number"),
        (decimal, "", "x is ''; it must be a number"),
        (whole_decimal, "1.0", "x is '1.0'; it must be a whole number"),
        (whole_decimal, "9" * 5000, "it must be a whole number"),
        (whole_decimal, "99999999999", "x is beyond 32 bits"),
        (text, 3, "x is a int where text was expected"),
    ],
)
def test_other_values_are_refused_with_their_place(take, value, message):
    with pytest.raises(InputError, match=message) as caught:
        take(value, "x")
    assert len(str(caught.value)) < 100
