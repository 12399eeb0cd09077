"""Reading maps at pixels and points."""

from __future__ import annotations

import torch

from stma_d2.modeling.point_sample import point_sample, read_pixels


def test_read_pixels_takes_the_named_row_and_position():
    maps = torch.arange(2 * 3 * 2 * 4).float().view(2, 3, 2, 4)
    read = read_pixels(maps, torch.tensor([1, 0]), torch.tensor([5, 2]))
    assert read.tolist() == [maps[1, :, 1, 1].tolist(), maps[0, :, 0, 2].tolist()]


def test_point_sample_gives_a_pixel_at_its_center_and_the_mean_between_two():
    maps = torch.tensor([[[[1.0, 3.0], [10.0, 30.0]]]])
    # Stride 4: pixel 0 covers input pixels 0..3 whose center is 1.5, pixel 1 lies around 5.5.
    points = torch.tensor([[[1.5, 1.5], [3.5, 1.5], [5.5, 5.5], [1.5, 3.5]]])
    read = point_sample(maps, points, stride=4)
    assert torch.allclose(read[0, :, 0], torch.tensor([1.0, 2.0, 30.0, 5.5]))


def test_point_sample_holds_the_border_outside():
    maps = torch.tensor([[[[1.0, 3.0]]]])
    read = point_sample(maps, torch.tensor([[[-50.0, 0.0], [50.0, 0.0]]]), stride=4)
    assert read[0, :, 0].tolist() == [1.0, 3.0]
