"""The localization heads: two layers each."""

from __future__ import annotations

import torch
from detectron2.layers import ShapeSpec
from torch import nn

from stma_d2.config import load_config
from stma_d2.modeling.box_coder import DistanceCoder, WidthHeightCoder
from stma_d2.modeling.heads import (
    SizeHead,
    TwoConvHead,
    build_center_head,
    build_movement_head,
    build_size_head,
)

SHAPE = ShapeSpec(channels=4, stride=4)


def test_without_norm_it_is_centernets_head():
    """3x3 convolution, ReLU, 1x1 convolution, all biases 0; the map keeps its size."""
    head = TwoConvHead(3, 8, 5)
    first, relu, last = head.layers
    assert isinstance(relu, nn.ReLU)
    assert (first.kernel_size, last.kernel_size) == ((3, 3), (1, 1))
    assert not first.bias.any() and not last.bias.any()
    features = torch.randn(2, 3, 6, 7)
    expected = nn.functional.conv2d(features, first.weight, padding=1).relu()
    expected = nn.functional.conv2d(expected, last.weight)
    assert torch.allclose(head(features), expected, atol=1e-6)
    assert expected.shape == (2, 5, 6, 7)


def test_a_snippets_frames_lie_in_order_along_the_channels():
    head = TwoConvHead(4, 4, 2)
    nn.init.normal_(head.layers[2].weight)
    features = torch.randn(1, 2, 2, 3, 3)
    assert torch.equal(head(features), head(torch.cat([features[:, 0], features[:, 1]], dim=1)))
    assert not torch.allclose(head(features), head(features.flip(1)))


def test_a_normalized_head_has_hidden_units_of_mean_0_and_deviation_1():
    torch.manual_seed(0)
    hidden = TwoConvHead(6, 16, 2, norm="BN").layers[0]
    assert hidden.bias is None
    values = hidden(torch.randn(4, 6, 8, 8) * 5 + 3).transpose(0, 1).flatten(1)
    torch.testing.assert_close(values.mean(dim=1), torch.zeros(16), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(dim=1), torch.ones(16), atol=1e-2, rtol=0)


def test_heat_maps_start_near_empty_and_movement_near_standing_still(tiny_cfg):
    features = torch.randn(2, 3, 4, 5, 6)
    logits = build_center_head(tiny_cfg, SHAPE)(features)
    assert torch.allclose(logits, torch.full((2, 1, 5, 6), -2.19), atol=0.1)
    movement = build_movement_head(tiny_cfg, SHAPE)(features)
    assert movement.shape == (2, 6, 5, 6)
    assert movement.abs().max() < 0.1


def test_class_aware_localization_has_one_heat_map_a_class(tiny_cfg):
    tiny_cfg.MODEL.STMA.CENTER.CLASS_AGNOSTIC = False
    logits = build_center_head(tiny_cfg, SHAPE)(torch.randn(1, 3, 4, 2, 2))
    assert logits.shape == (1, tiny_cfg.MODEL.STMA.NUM_CLASSES, 2, 2)


def test_distances_are_positive_and_single_frames_do_not_mix():
    head = SizeHead(3, 4, DistanceCoder(4))
    frames = torch.randn(2, 3, 4, 4) * 50
    sizes = head(frames)
    assert sizes.shape == (2, 4, 4, 4)
    assert (sizes > 0).all()
    assert torch.allclose(sizes[1:], head(frames[1:]), atol=1e-5)


def test_the_size_head_chooses_how_boxes_are_told(tiny_cfg):
    assert isinstance(build_size_head(tiny_cfg, SHAPE).box_coder, DistanceCoder)
    tiny_cfg.MODEL.STMA.SIZE.GAUSSIAN = False
    head = build_size_head(tiny_cfg, ShapeSpec(channels=4, stride=8))
    assert isinstance(head.box_coder, WidthHeightCoder)
    assert head.box_coder.stride == 8
    frames = torch.randn(1, 4, 4, 4)
    assert head(frames).shape == (1, 2, 4, 4)
    assert torch.equal(head(frames), head.layers(frames))


def test_the_size_head_takes_the_others_width_unless_it_has_its_own():
    widths = []
    for own in (0, 24):
        cfg = load_config(
            "", ["MODEL.STMA.HEAD_CHANNELS", "16", "MODEL.STMA.SIZE.HEAD_CHANNELS", str(own)]
        )
        widths.append(build_size_head(cfg, SHAPE).layers[0].out_channels)
    assert widths == [16, 24]
