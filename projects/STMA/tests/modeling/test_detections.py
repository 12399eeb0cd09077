"""Tubelets of many windows in one video's own pixels."""

from __future__ import annotations

import torch

from stma_d2.modeling.detections import WindowDetections


def test_boxes_are_scaled_and_clipped_to_the_video_window_by_window():
    boxes = torch.zeros(2, 1, 3, 4)
    boxes[0] = torch.tensor([10.0, 10.0, 20.0, 30.0])
    boxes[1] = torch.tensor([-5.0, 40.0, 70.0, 64.0])
    scores = torch.tensor([[[0.5, 0.25]], [[0.125, 0.0]]])
    first, second = WindowDetections(boxes, scores).instances(
        torch.tensor([4, 5]), video_size=(128, 96), network_size=(64, 64)
    )
    assert first.image_size == (128, 96)
    assert first.tubelets.tensor[0, 2].tolist() == [15, 20, 30, 60]  # x 1.5, y 2
    assert second.tubelets.tensor[0, 0].tolist() == [0, 80, 95, 127]
    assert (first.window.tolist(), second.window.tolist()) == ([4], [5])
    assert second.scores.tolist() == [[0.125, 0.0]]


def test_parts_hold_the_windows_in_order():
    values = torch.arange(3.0)
    whole = WindowDetections(
        values.view(3, 1, 1, 1).expand(3, 2, 1, 4), values.view(3, 1, 1).expand(3, 2, 5)
    )
    first, second = whole.split([1, 2])
    assert first.boxes.shape == (1, 2, 1, 4)
    assert second.scores[:, 0, 0].tolist() == [1, 2]
    assert second.boxes[:, 0, 0, 0].tolist() == [1, 2]
