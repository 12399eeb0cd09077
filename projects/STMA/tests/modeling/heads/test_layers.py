"""What the localization heads share: two layers."""

from __future__ import annotations

import torch
from torch import nn

from stma_d2.modeling.heads.layers import two_layer_head


def test_without_norm_it_is_centernets_head():
    """3x3 convolution, ReLU, 1x1 convolution, all biases 0; the map keeps its size."""
    layers = two_layer_head(3, 8, 5)
    first, relu, last = layers
    assert isinstance(relu, nn.ReLU)
    assert (first.kernel_size, last.kernel_size) == ((3, 3), (1, 1))
    assert not first.bias.any() and not last.bias.any()
    features = torch.randn(2, 3, 6, 7)
    expected = nn.functional.conv2d(features, first.weight, padding=1).relu()
    expected = nn.functional.conv2d(expected, last.weight)
    assert torch.allclose(layers(features), expected, atol=1e-6)
    assert expected.shape == (2, 5, 6, 7)


def test_a_normalized_head_stays_alive_under_a_high_learning_rate():
    """Without normalization Adam at 1.5e-3 silences the hidden units before they learn."""
    alive = {}
    for norm in ("", "BN"):
        torch.manual_seed(0)
        features = torch.rand(4, 3 * 32, 8, 8)
        head = two_layer_head(3 * 32, 16, 6, norm)
        optimizer = torch.optim.Adam(head.parameters(), lr=1.5e-3)
        for _ in range(60):
            noise = torch.randn(4, 6, 8, 8)
            optimizer.zero_grad()
            (head(features) - noise).abs().mean().backward()
            optimizer.step()
        hidden = head[1](head[0](features))
        alive[norm] = (hidden > 0).float().mean().item()
    assert alive["BN"] > 0.2
    assert alive["BN"] > alive[""]
