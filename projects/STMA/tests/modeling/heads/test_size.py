"""The size head."""

from __future__ import annotations

import torch

from stma_d2.modeling.heads import SizeHead


def test_distances_are_positive_and_single_frames_do_not_mix():
    head = SizeHead(in_channels=3, hidden_channels=4, gaussian=True)
    frames = torch.randn(2, 3, 4, 4) * 50
    sizes = head(frames)
    assert sizes.shape == (2, 4, 4, 4)
    assert (sizes > 0).all()
    assert torch.allclose(sizes[1:], head(frames[1:]), atol=1e-5)


def test_mocs_size_head_has_two_plain_channels():
    head = SizeHead(in_channels=3, hidden_channels=4, gaussian=False)
    frames = torch.randn(1, 3, 4, 4)
    assert head(frames).shape == (1, 2, 4, 4)
    assert torch.equal(head(frames), head.layers(frames))
