"""The center head."""

from __future__ import annotations

import torch

from stma_d2.modeling.heads import CenterHead


def test_center_head_starts_near_an_empty_heat_map():
    head = CenterHead(in_channels=4, num_frames=3, hidden_channels=8, num_maps=2)
    logits = head(torch.randn(2, 3, 4, 5, 6))
    assert logits.shape == (2, 2, 5, 6)
    assert torch.allclose(logits, torch.full_like(logits, -2.19), atol=0.1)


def test_center_head_sees_the_frames_in_order_along_the_channels():
    head = CenterHead(in_channels=2, num_frames=2, hidden_channels=4, num_maps=1)
    torch.nn.init.normal_(head.layers[2].weight)
    features = torch.randn(1, 2, 2, 3, 3)
    concatenated = torch.cat([features[:, 0], features[:, 1]], dim=1)
    assert torch.equal(head(features), head.layers(concatenated))
    assert not torch.allclose(head(features), head(features.flip(1)))


def test_class_agnostic_heads_have_one_map_and_the_others_one_a_class(tiny_cfg):
    for agnostic, maps in ((True, 1), (False, tiny_cfg.MODEL.STMA.NUM_CLASSES)):
        tiny_cfg.MODEL.STMA.CENTER.CLASS_AGNOSTIC = agnostic
        assert CenterHead(tiny_cfg, 4)(torch.randn(1, 3, 4, 2, 2)).shape[1] == maps > 0
