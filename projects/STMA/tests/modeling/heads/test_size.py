"""The size head."""

from __future__ import annotations

import torch

from stma_d2.config import load_config
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


def test_the_head_takes_the_others_width_unless_it_has_its_own():
    widths = []
    for own in (0, 24):
        cfg = load_config(
            "", ["MODEL.STMA.HEAD_CHANNELS", "16", "MODEL.STMA.SIZE.HEAD_CHANNELS", str(own)]
        )
        widths.append(SizeHead(cfg, 8).layers[0].out_channels)
    assert widths == [16, 24]
