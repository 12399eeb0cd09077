"""Unwrapping, renaming and refusing, on networks of a few numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.checkpoint.conversion import convert_keys, expected_shapes, unwrap
from stma_d2.errors import InputError


def _convert(source):
    return convert_keys(
        source,
        "a small network",
        rename=lambda key: key.replace("old", "new"),
        drop=lambda key: "unused" if key.startswith("extra.") else None,
        expected={"new.a": torch.Size([2]), "new.b": torch.Size([3]), "rest.c": torch.Size([1])},
        settings={"MODEL.SMALL": True},
        optional=lambda key: key.startswith("rest."),
    )


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
    source = {"old.a": torch.ones(2), "old.b": torch.ones(3), "extra.d": torch.ones(5)}
    conversion = _convert(source)
    assert conversion.weights["new.a"] is source["old.a"]
    assert conversion.sources == {"new.a": "old.a", "new.b": "old.b"}
    assert conversion.dropped == {"extra.d": "unused"}
    assert conversion.missing == ("rest.c",)
    assert conversion.settings == {"MODEL.SMALL": True}


def test_a_part_takes_its_place_in_a_whole_model():
    conversion = _convert({"old.a": torch.ones(2), "old.b": torch.ones(3)}).under("part.")
    assert conversion.weights.keys() == {"part.new.a", "part.new.b"}
    assert conversion.sources == {"part.new.a": "old.a", "part.new.b": "old.b"}
    assert conversion.missing == ("part.rest.c",)


def test_two_sources_for_one_key_are_refused():
    source = {"old.a": torch.ones(2), "new.a": torch.ones(2), "old.b": torch.ones(3)}
    with pytest.raises(InputError, match=r"no place for new\.a"):
        _convert(source)


def test_long_lists_are_cut_in_messages():
    source = {f"strange.{i}": torch.ones(1) for i in range(10)}
    with pytest.raises(InputError, match=r"strange\.3 and 6 more$"):
        _convert(source)


def test_expected_shapes_need_no_memory():
    shapes = expected_shapes(lambda: nn.Linear(10**6, 10**6))
    assert shapes == {"weight": (10**6, 10**6), "bias": (10**6,)}
