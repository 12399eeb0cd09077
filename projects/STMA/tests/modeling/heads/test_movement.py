"""The movement head."""

from __future__ import annotations

import torch

from stma_d2.modeling.heads import MovementHead


def test_movement_head_sees_the_frames_in_order_along_the_channels():
    head = MovementHead(in_channels=2, num_frames=2, hidden_channels=4)
    features = torch.randn(1, 2, 2, 3, 3)
    concatenated = torch.cat([features[:, 0], features[:, 1]], dim=1)
    assert torch.equal(head(features), head.layers(concatenated))
    assert head(features).shape == (1, 4, 3, 3)


def test_movement_starts_near_standing_still():
    head = MovementHead(in_channels=4, num_frames=3, hidden_channels=8)
    assert head(torch.randn(2, 3, 4, 5, 6)).abs().max() < 0.1
