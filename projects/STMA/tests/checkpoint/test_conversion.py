"""Unwrapping, renaming and refusing, on networks of a few numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.checkpoint.conversion import (
    Dropped,
    Origin,
    convert,
    convert_part,
    network_shapes,
    unwrap,
)
from stma_d2.errors import InputError

SMALL = Origin(
    name="a small network",
    part="new",
    mark="old keys",
    is_marked=lambda weights: "old.a" in weights,
    rename=lambda key: Dropped("unused") if key == "more.d" else key.replace("old", "new"),
    settings=lambda weights: {"MODEL.SMALL": len(weights)},
    shapes=lambda settings: {"new.a": (2,), "new.b": (3,), "rest.c": (1,), "rest.d": (1,)},
    optional=("rest.",),
    extra=frozenset({"head.e"}),
)
WHOLE = {"old.a": torch.ones(2), "old.b": torch.ones(3)}


def test_unwrap_takes_both_forms_and_removes_the_data_parallel_prefix():
    value = torch.ones(2)
    assert unwrap({"module.a": value, "b.module.c": value}).keys() == {"a", "b.module.c"}
    assert unwrap({"epoch": 3, "state_dict": {"module.a": value}}).keys() == {"a"}


@pytest.mark.parametrize("checkpoint", [{}, {"state_dict": {}}, {"state_dict": None}, None, 3])
def test_unwrap_refuses_what_holds_no_weights(checkpoint):
    with pytest.raises(InputError, match="no state dict"):
        unwrap(checkpoint)


def test_unwrap_refuses_other_values_by_key():
    with pytest.raises(InputError, match="int under 'epoch'"):
        unwrap({"epoch": 3, "weight": torch.ones(1)})


def test_keys_are_renamed_dropped_and_missed():
    conversion = convert(WHOLE | {"more.d": torch.ones(5)}, SMALL)
    assert conversion.weights["new.a"] is WHOLE["old.a"]
    assert conversion.sources == {"new.a": "old.a", "new.b": "old.b"}
    assert conversion.dropped == {"more.d": "unused"}
    assert conversion.missing == ("rest.c", "rest.d")
    assert conversion.settings == {"MODEL.SMALL": 3}


def test_an_extra_may_have_any_shape_and_is_no_part():
    with_extra = WHOLE | {"head.e": torch.ones(7, 7)}
    assert convert(with_extra, SMALL).weights["head.e"].shape == (7, 7)
    assert convert_part(with_extra, SMALL).keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"new.a": torch.ones(2)}, r"no place for new\.a"),
        ({"old.b": torch.ones(4)}, r"old\.b is \(4,\), not \(3,\)"),
        ({"rest.c": torch.ones(1)}, r"incomplete: nothing for rest\.d"),
        ({f"strange.{i}": torch.ones(1) for i in range(10)}, r"strange\.3 and 6 more$"),
    ],
    ids=["two sources for one key", "another shape", "a gap", "other keys"],
)
def test_what_does_not_fit_is_refused(change, reason):
    with pytest.raises(InputError, match=f"a small network.*{reason}"):
        convert(WHOLE | change, SMALL)


def test_shapes_of_a_network_need_no_memory():
    shapes = network_shapes(lambda: nn.Linear(10**6, 10**6), "part.")
    assert shapes == {"part.weight": (10**6, 10**6), "part.bias": (10**6,)}
