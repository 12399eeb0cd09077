"""The wiring is checked against the original's output in tests/checkpoint/test_centernet.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.errors import InputError
from stma_d2.modeling.backbone import DLA34
from stma_d2.modeling.backbone.dla import IterativeUp
from stma_d2.modeling.backbone.upsample import bilinear_kernel


@pytest.fixture(scope="module")
def dla34() -> DLA34:
    torch.manual_seed(0)
    return DLA34()


def test_parameters_are_the_original_s_less_the_dead_projections(dla34):
    # level3.project and level4.project: a 1x1 convolution and a normalization each.
    dead = 64 * 128 + 2 * 128 + 128 * 256 + 2 * 256
    assert sum(p.numel() for p in dla34.parameters()) == 19_211_168 - dead


def test_batch_statistics_move_by_a_tenth(dla34):
    norms = [m for m in dla34.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.1}


def test_upsampling_starts_bilinear_and_offsets_at_zero():
    model = DLA34()
    ups = [m for m in model.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [up.kernel_size[0] for up in ups] == [4] * 6 + [4, 8]
    for up in ups:
        kernel = bilinear_kernel(up.stride[0])
        assert torch.equal(up.weight.detach(), kernel.expand(up.in_channels, 1, *kernel.shape))
    for name, parameter in model.named_parameters():
        if "offset_mask" in name:
            assert parameter.count_nonzero() == 0, name


def test_sides_that_are_no_multiples_of_32_are_refused(dla34):
    with pytest.raises(InputError, match=r"multiples of 32, not 64 x 72.*INPUT\.SIZE"):
        dla34(torch.zeros(1, 3, 64, 72))


def test_iterative_aggregation_adds_coarser_maps_one_by_one():
    up = IterativeUp([1, 1, 1], [2, 4])
    up.project = up.node = nn.ModuleList([nn.Identity(), nn.Identity()])
    fine, middle, coarse = torch.ones(1, 1, 8, 8), torch.ones(1, 1, 4, 4), torch.ones(1, 1, 2, 2)
    first, second, third = up([fine, 10 * middle, 100 * coarse])
    assert torch.equal(first, fine)
    # Away from the border, where the enlarged maps fade towards zero.
    assert second.shape == third.shape == fine.shape
    assert second[0, 0, 3:5, 3:5].eq(11).all() and third[0, 0, 3:5, 3:5].eq(111).all()
