"""Reading maps at pixels and points."""

from __future__ import annotations

import pytest
import torch
from detectron2.modeling import build_model

from stma_d2.config import load_config
from stma_d2.modeling.point_sample import point_sample, read_pixels


def test_read_pixels_takes_the_named_row_and_position():
    maps = torch.arange(2 * 3 * 2 * 4).float().view(2, 3, 2, 4)
    read = read_pixels(maps, torch.tensor([1, 0]), torch.tensor([5, 2]))
    assert read.tolist() == [maps[1, :, 1, 1].tolist(), maps[0, :, 0, 2].tolist()]


def test_point_sample_gives_a_pixel_at_its_place_and_the_mean_between_two():
    maps = torch.tensor([[[[1.0, 3.0], [10.0, 30.0]]]])
    points = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [4.0, 4.0], [0.0, 2.0], [3.0, 1.0]]])
    read = point_sample(maps, points, stride=4)
    by_hand = 0.75 * (0.25 * 1 + 0.75 * 3) + 0.25 * (0.25 * 10 + 0.75 * 30)
    assert torch.allclose(read[0, :, 0], torch.tensor([1.0, 2.0, 30.0, 5.5, by_hand]))


def test_point_sample_holds_the_border_outside():
    maps = torch.tensor([[[[1.0, 3.0]]]])
    read = point_sample(maps, torch.tensor([[[-50.0, 0.0], [50.0, 0.0]]]), stride=4)
    assert read[0, :, 0].tolist() == [1.0, 3.0]


@pytest.mark.parametrize("part", ["2D", "3D"])
def test_point_sample_reads_a_class_map_where_the_network_looks(part):
    """What a pixel of the map depends on lies evenly around the point at which it is read.

    All weights are equal, so that nothing but the layers' geometry decides.
    """
    model = build_model(load_config("Synthetic/STMA_tiny_K5.yaml", ["MODEL.DEVICE", "cpu"])).eval()
    for parameter in model.parameters():
        parameter.data.fill_(0.1 if parameter.ndim > 1 else parameter.data.mean())
    # The parts that bring frames' features, of stride 4, and clips to the class map's stride.
    shape, module, stride = {
        "2D": ((1, 64, 48, 48), model.action_head.forward_frames, 4),
        "3D": ((1, 3, 4, 192, 192), model.backbone_3d, 1),
    }[part]
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    x = (1 + 1e-3 * noise).requires_grad_()  # max pooling breaks ties
    maps = module(x)
    maps = maps.mean(dim=2) if maps.ndim == 5 else maps
    point_sample(maps, torch.tensor([[[96.0, 96.0]]]), model.action_stride).sum().backward()
    influence = x.grad.abs().flatten(0, -2).sum(dim=0)
    center = stride * (influence * torch.arange(len(influence))).sum() / influence.sum()
    assert abs(center - 96) < 3
