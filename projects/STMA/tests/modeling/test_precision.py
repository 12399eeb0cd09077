"""The 16-bit type and the memory layout of a device, and what stays in single precision."""

from __future__ import annotations

import pytest
import torch

from stma_d2.modeling.precision import (
    autocast_dtype,
    channels_last_where_faster,
    mixed_precision,
    select_snippets,
)


def test_cpus_compute_in_bfloat16():
    assert autocast_dtype(torch.device("cpu")) == torch.bfloat16


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 0), torch.float16), ((7, 5), torch.float16)]
    + [(capability, torch.bfloat16) for capability in ((8, 0), (8, 9), (9, 0), (10, 0))],
)
def test_gpus_get_bfloat16_from_ampere_on_and_float16_before(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert autocast_dtype(torch.device("cuda:1")) == expected


@pytest.mark.parametrize(("enabled", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_mixed_precision_is_on_only_where_asked_for(enabled, dtype):
    with mixed_precision(torch.device("cpu"), enabled):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


@torch.no_grad()
def test_tubelets_stay_single_precision_and_near(tiny_cfg, tiny_model, make_sample):
    sample = make_sample(tiny_cfg)
    exact = tiny_model([sample])[0]["tubelets"]
    with mixed_precision(tiny_model.device, True):
        mixed = tiny_model([sample])[0]["tubelets"]
    assert mixed.scores.dtype == mixed.boxes.dtype == torch.float32
    # Summed over classes: the centers' probabilities, best first, whichever pixels ties choose.
    torch.testing.assert_close(mixed.scores.sum(2), exact.scores.sum(2), rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 3, 6, 4, 5)])
def test_on_processors_only_training_in_16_bits_takes_channels_last(size):
    maps = torch.rand(size)
    assert channels_last_where_faster(maps) is maps
    with mixed_precision(maps.device, True):
        laid_out = channels_last_where_faster(maps)
        with torch.no_grad():
            assert channels_last_where_faster(maps) is maps
    assert laid_out.stride(1) == 1
    assert torch.equal(laid_out, maps)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_snippets_are_those_of_the_index_and_lie_as_the_maps_do(layout):
    """Values and gradients against plain indexing; a frame is in several snippets."""
    index = torch.tensor([[0, 1, 2], [1, 2, 3], [3, 3, 0]])
    maps = torch.rand(4, 5, 6, 7).contiguous(memory_format=layout).requires_grad_()
    factors = torch.rand(3, 15, 6, 7).contiguous(memory_format=layout)
    (expected,) = torch.autograd.grad((maps[index].flatten(1, 2) * factors).sum(), maps)
    snippets = select_snippets(maps, index)
    assert torch.equal(snippets, maps[index])
    stacked = snippets.flatten(1, 2)
    assert stacked.data_ptr() == snippets.data_ptr()
    assert stacked.is_contiguous(memory_format=layout)
    (gradient,) = torch.autograd.grad((stacked * factors).sum(), maps)
    torch.testing.assert_close(gradient, expected)
    assert gradient.is_contiguous(memory_format=layout)


@torch.no_grad()
def test_the_layout_of_gpus_gives_the_same_tubelets(
    tiny_cfg, tiny_model, make_sample, assert_same_tubelets, monkeypatch
):
    sample = make_sample(tiny_cfg, num_windows=2)
    expected = tiny_model([sample])[0]["tubelets"]
    for module in ("meta_arch", "heads.two_conv"):
        monkeypatch.setattr(
            f"stma_d2.modeling.{module}.channels_last_where_faster",
            lambda maps: maps.contiguous(
                memory_format=torch.channels_last if maps.dim() == 4 else torch.contiguous_format
            ),
        )
    assert_same_tubelets(tiny_model([sample])[0]["tubelets"], expected)
