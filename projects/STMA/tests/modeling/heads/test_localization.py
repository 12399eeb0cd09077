"""The center, movement and size heads."""

from __future__ import annotations

import torch

from stma_d2.modeling.heads import CenterHead, MovementHead, SizeHead


def test_center_head_starts_near_an_empty_heat_map():
    head = CenterHead(in_channels=4, num_frames=3, hidden_channels=8, num_maps=2)
    logits = head(torch.randn(2, 3, 4, 5, 6))
    assert logits.shape == (2, 2, 5, 6)
    assert torch.allclose(logits, torch.full_like(logits, -2.19), atol=0.1)


def test_heads_see_the_frames_in_order_along_the_channels():
    head = MovementHead(in_channels=2, num_frames=2, hidden_channels=4)
    features = torch.randn(1, 2, 2, 3, 3)
    concatenated = torch.cat([features[:, 0], features[:, 1]], dim=1)
    assert torch.equal(head(features), head.layers(concatenated))
    assert head(features).shape == (1, 4, 3, 3)


def test_distances_are_positive_and_single_frames_do_not_mix():
    head = SizeHead(in_channels=3, hidden_channels=4, gaussian=True)
    frames = torch.randn(2, 3, 4, 4) * 50
    sizes = head(frames)
    assert sizes.shape == (2, 4, 4, 4)
    assert (sizes > 0).all()
    assert torch.allclose(sizes[1:], head(frames[1:]), atol=1e-5)


def test_mocs_size_head_has_two_plain_channels():
    head = SizeHead(in_channels=3, hidden_channels=4, gaussian=False)
    assert head(torch.randn(1, 3, 4, 4)).shape == (1, 2, 4, 4)


def test_a_normalized_head_stays_alive_under_a_high_learning_rate():
    """Without normalization Adam at 1.5e-3 silences the hidden units before they learn."""
    alive = {}
    for norm in ("", "BN"):
        torch.manual_seed(0)
        features = torch.rand(4, 3, 32, 8, 8)
        head = MovementHead(in_channels=32, num_frames=3, hidden_channels=16, norm=norm)
        optimizer = torch.optim.Adam(head.parameters(), lr=1.5e-3)
        for _ in range(60):
            noise = torch.randn(4, 6, 8, 8)
            optimizer.zero_grad()
            (head(features) - noise).abs().mean().backward()
            optimizer.step()
        hidden = head.layers[1](head.layers[0](features.flatten(1, 2)))
        alive[norm] = (hidden > 0).float().mean().item()
    assert alive["BN"] > 0.2
    assert alive["BN"] > alive[""]
