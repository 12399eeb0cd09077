"""Peaks, movement and boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from stma_d2.modeling.box_coder import DistanceCoder, WidthHeightCoder
from stma_d2.modeling.decoding import (
    Peaks,
    class_scores,
    find_peaks,
    follow_centers,
    read_boxes,
)


def test_peaks_are_local_maxima_best_first():
    logits = torch.full((1, 1, 5, 6), -9.0)
    logits[0, 0, 1, 1] = 2.0
    logits[0, 0, 1, 2] = 1.9  # beside the stronger one: no peak
    logits[0, 0, 4, 5] = 3.0
    peaks = find_peaks(logits.sigmoid(), 2)
    assert peaks.pixels_xy.tolist() == [[[5, 4], [1, 1]]]
    assert torch.allclose(peaks.scores, torch.tensor([[3.0, 2.0]]).sigmoid())


def test_peaks_of_class_aware_maps_name_their_class():
    logits = torch.full((1, 3, 4, 4), -9.0)
    logits[0, 2, 1, 1], logits[0, 0, 1, 1] = 1.0, 0.5
    peaks = find_peaks(logits.sigmoid(), 2)
    assert peaks.maps.tolist() == [[2, 0]]
    scores = class_scores(peaks, 3, None)
    assert scores[0, 0].tolist() == [0, 0, pytest.approx(torch.tensor(1.0).sigmoid().item())]
    assert scores[0, 1, 1:].tolist() == [0, 0]


def test_fewer_pixels_than_peaks_give_fewer_tubelets():
    assert find_peaks(torch.zeros(2, 1, 2, 2), 10).scores.shape == (2, 4)


def test_class_scores_are_center_times_class_probability():
    peaks = Peaks(torch.tensor([[0.5]]), torch.zeros(1, 1).long(), torch.zeros(1, 1, 2).long())
    logits = torch.tensor([[[0.0, torch.log(torch.tensor(3.0))]]])
    assert torch.allclose(class_scores(peaks, 2, logits), torch.tensor([[[0.125, 0.375]]]))


def one_peak(x, y):
    return Peaks(torch.ones(1, 1), torch.zeros(1, 1).long(), torch.tensor([[[x, y]]]))


def test_centers_follow_the_movement_read_at_the_peak():
    movement = torch.zeros(1, 6, 3, 4)
    movement[0, :, 2, 1] = torch.tensor([-1.0, -2.0, 0.0, 0.0, 1.5, 2.5])
    assert follow_centers(one_peak(1, 2), movement).tolist() == [[[[0, 0], [1, 2], [2.5, 4.5]]]]


def test_distances_are_read_at_the_rounded_pixel_and_the_box_lies_around_it():
    sizes = torch.zeros(1, 3, 4, 3, 4)
    sizes[0, 0, :, 1, 2] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    sizes[0, 1, :, 2, 3] = 1.0
    centers = torch.tensor([[[[1.6, 1.4], [2.4, 1.4], [0.0, 0.0]]]])
    boxes = read_boxes(one_peak(3, 2), centers, sizes, DistanceCoder(4))
    # The key frame, the second, reads the peak (3, 2) itself.
    assert boxes[0, 0].tolist() == [[7, 2, 11, 8], [11, 7, 13, 9], [0, 0, 0, 0]]


def test_a_center_outside_the_map_reads_the_border():
    sizes = torch.arange(2 * 3.0).view(1, 1, 1, 2, 3).repeat(1, 3, 4, 1, 1)
    centers = torch.tensor([[[[-3.0, 9.0], [0.0, 0.0], [0.0, 0.0]]]])
    boxes = read_boxes(one_peak(0, 0), centers, sizes, DistanceCoder(4))
    assert boxes[0, 0, 0].tolist() == [-3, 1, 3, 7]  # pixel (0, 1), value 3


def test_moc_reads_sizes_of_centers_outside_the_map_from_neighboring_rows():
    """MOC-Detector's rule: the flat index int(y) * w + int(x), and only that, is clamped."""
    centers = [(-1.5, 2.0), (5.2, 1.9), (2.0, -3.0), (2.0, 9.0), (-0.9, -0.9), (1.5, 1.5)]
    height, width = 4, 5
    sizes = torch.arange(3.0 * 2 * height * width).view(1, 3, 2, height, width)
    peaks = Peaks(torch.ones(1, 6), torch.zeros(1, 6, dtype=torch.long), torch.full((1, 6, 2), 2))
    around = torch.tensor(centers)[None, :, None].repeat(1, 1, 3, 1)
    boxes = read_boxes(peaks, around, sizes, WidthHeightCoder(1))
    for slot, (x, y) in enumerate(centers):
        index = min(max(int(y) * width + int(x), 0), height * width - 1)
        for frame, flat in ((0, index), (1, 2 * width + 2), (2, index)):
            w, h = sizes[0, frame].flatten(1)[:, flat].tolist()
            expected = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
            assert boxes[0, slot, frame].tolist() == pytest.approx(expected, abs=1e-5)


def test_mocs_own_maps_decode_to_mocs_own_detections():
    """Maps and detections that MOC-Detector itself produced (see the golden folder's README)."""
    with np.load(Path(__file__).parents[1] / "data" / "golden" / "moc_net_k5_c21.npz") as golden:
        heat, movement, sizes, detections = (
            torch.from_numpy(golden[key]) for key in ("hm_logits", "mov", "wh", "detections")
        )
    peaks = find_peaks(heat.sigmoid(), 20)
    centers = follow_centers(peaks, movement)
    boxes = read_boxes(peaks, centers, sizes.unflatten(1, (5, 2)), WidthHeightCoder(1))
    assert torch.allclose(boxes.flatten(2), detections[..., :20], atol=1e-4)
    assert torch.allclose(peaks.scores, detections[..., 20], atol=1e-5)
    assert torch.equal(peaks.maps.float(), detections[..., 21])
