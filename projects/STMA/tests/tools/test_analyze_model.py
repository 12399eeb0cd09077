"""Parameters and multiply-accumulates, against counts by hand."""

from __future__ import annotations

import pytest
import torch

from stma_d2.modeling.backbone.deform import ModulatedDeformConv2d
from stma_d2.modeling.heads import TwoConvHead


@pytest.fixture(scope="module")
def analyze_model(tool):
    return tool("analyze_model")


def test_a_heads_macs_by_hand(analyze_model):
    head = TwoConvHead(3 * 4, 8, 2)
    by_hand = 5 * 6 * (12 * 8 * 9 + 8 * 2)
    assert analyze_model.count_macs(head, torch.zeros(1, 3, 4, 5, 6))[""] == by_hand
    assert analyze_model.count_parameters(head) == 12 * 8 * 9 + 8 + 8 * 2 + 2


def test_a_deformable_convolution_counts_its_weights_and_its_offsets(analyze_model):
    layer = ModulatedDeformConv2d(4, 6)
    by_hand = 10 * 12 * (6 * 4 * 9 + 27 * 4 * 9)
    assert analyze_model.count_macs(layer, torch.zeros(1, 4, 10, 12))[""] == by_hand


def test_a_window_of_a_video_pays_for_one_new_frame(analyze_model, tiny_model):
    """The size head maps 16 channels at stride 4 to 8, normalizes (2 a value), and on to 4."""
    rows = {row[0]: row for row in analyze_model.analyze(tiny_model, (64, 64), 8, 3)}
    assert rows["size head"][3] == pytest.approx(16 * 16 * (16 * 8 * 9 + 2 * 8 + 8 * 4) / 1e9)
    per_frame = sum(row[3] for row in rows.values() if row[1] == "frame")
    alone, shared = rows["a window alone"], rows["a window of a video"]
    assert alone[3] - shared[3] == pytest.approx(2 * per_frame)
    assert alone[2] == pytest.approx(sum(p.numel() for p in tiny_model.parameters()) / 1e6)


def test_check_without_the_zoo_is_refused(analyze_model, capsys):
    with pytest.raises(SystemExit):
        analyze_model.main(["--config-file", "Synthetic/STMA_tiny_K5.yaml", "--check"])
    assert "--check goes with --zoo" in capsys.readouterr().err
