from __future__ import annotations

import pytest
import torch

from stma_d2.modeling.backbone.upsample import BilinearUpsample2d, bilinear_kernel


@pytest.mark.parametrize("line", [[1, 3, 3, 1], [1, 3, 5, 7, 7, 5, 3, 1]])
def test_kernels_are_the_known_triangles(line):
    factor = len(line) // 2
    line = torch.tensor(line) / (2 * factor)
    torch.testing.assert_close(bilinear_kernel(factor), torch.outer(line, line))


def test_each_channel_starts_as_its_own_interpolation():
    # A plane a x + b y + c stays that plane, read at half-pixel positions (p + 0.5) / f - 0.5.
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    maps = torch.stack([3 * x + y - 1, 5 - 2 * y])
    for factor in (2, 4):
        with torch.no_grad():
            enlarged = BilinearUpsample2d(2, factor)(maps[None])[0]
        position = (torch.arange(8.0 * factor) + 0.5) / factor - 0.5
        v, u = torch.meshgrid(position, position, indexing="ij")
        expected = torch.stack([3 * u + v - 1, 5 - 2 * v])
        assert enlarged.shape == expected.shape
        inner = slice(factor, -factor)  # zeros beyond the border darken it
        torch.testing.assert_close(enlarged[:, inner, inner], expected[:, inner, inner])
