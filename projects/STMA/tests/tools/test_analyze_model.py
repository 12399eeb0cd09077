"""Parameters and multiply-accumulates, against counts by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.modeling.backbone import SmallResNet
from stma_d2.modeling.backbone.deform import ModulatedDeformConv2d
from stma_d2.modeling.heads import TwoConvHead


@pytest.fixture(scope="module")
def analyze_model(tool):
    return tool("analyze_model")


def test_a_heads_macs_by_hand(analyze_model):
    head = TwoConvHead(4 * 3, 8, 2)
    by_hand = 5 * 6 * (12 * 8 * 9 + 8 * 2)
    assert analyze_model.count_macs(head, torch.zeros(1, 3, 4, 5, 6)) == by_hand
    assert analyze_model.count_parameters(head) == 12 * 8 * 9 + 8 + 8 * 2 + 2


def test_a_deformable_convolution_counts_its_weights_and_its_offsets(analyze_model):
    layer = ModulatedDeformConv2d(4, 6)
    by_hand = 10 * 12 * (6 * 4 * 9 + 27 * 4 * 9)
    assert analyze_model.count_macs(layer, torch.zeros(1, 4, 10, 12)) == by_hand


def test_a_window_of_a_video_pays_for_one_new_frame(analyze_model):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = SmallResNet(8)
            self.center_head = TwoConvHead(16 * 3, 4, 1)
            self.movement_head = nn.Identity()
            self.size_head = nn.Conv2d(16, 4, 1)
            self.backbone_3d = self.action_head = None

    rows = {row[0]: row for row in analyze_model.analyze(Model().eval(), (64, 64), 8, 3)}
    per_frame = rows["2D backbone"][3] + rows["size head"][3]
    alone, shared = rows["a window alone"][3], rows["a window of a video"][3]
    assert alone - shared == pytest.approx(2 * per_frame)
    assert rows["size head"][3] == pytest.approx(16 * 16 * 16 * 4 / 1e9)
