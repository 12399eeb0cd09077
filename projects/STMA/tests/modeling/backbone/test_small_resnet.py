from __future__ import annotations

import torch

from stma_d2.modeling.backbone import SmallResNet


def test_it_is_small():
    assert 500_000 < sum(p.numel() for p in SmallResNet(32).parameters()) < 800_000


def test_sizes_round_up():
    model = SmallResNet(4).eval()
    with torch.no_grad():
        assert model(torch.randn(2, 3, 128, 96)).shape == (2, 8, 32, 24)
        assert model(torch.randn(1, 3, 50, 75)).shape == (1, 8, 13, 19)


def test_each_pixel_sees_far_around_it():
    # The path over stride 32 carries context from one corner of the frame to the other.
    torch.manual_seed(0)
    model = SmallResNet(4).eval()
    frame = torch.randn(1, 3, 128, 128, requires_grad=True)
    model(frame)[0, :, 0, 0].sum().backward()
    assert frame.grad[0, :, 64:, 64:].abs().max() > 0
