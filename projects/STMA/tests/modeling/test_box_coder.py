"""Both ways to tell a box, and that perfect maps give back perfect boxes in every combination."""

from __future__ import annotations

import pytest
import torch
from detectron2.modeling import build_model
from torchvision.ops import generalized_box_iou_loss

from stma_d2.data.targets import TargetRules, make_targets
from stma_d2.modeling.batch import batch_targets
from stma_d2.modeling.box_coder import DistanceCoder, WidthHeightCoder, giou_loss
from stma_d2.modeling.decoding import find_peaks, follow_centers, read_boxes
from stma_d2.modeling.features import FrameFeatures, WindowMaps

STRIDE = 4


def test_distances_are_equation_6():
    coder, pixel = DistanceCoder(4), torch.tensor([[5, 10]])
    box = coder.decode(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), pixel, pixel)
    assert box.tolist() == [[19.0, 38.0, 23.0, 44.0]]
    assert coder.encode(box, pixel).tolist() == [[1.0, 2.0, 3.0, 4.0]]


def test_width_and_height_lie_around_the_center_itself():
    coder, pixel = WidthHeightCoder(4), torch.tensor([[1, 1]])
    box = coder.decode(torch.tensor([[2.0, 1.0]]), pixel, torch.tensor([[1.5, 1.25]]))
    assert box.tolist() == [[2.0, 3.0, 10.0, 7.0]]
    assert coder.encode(box, pixel).tolist() == [[2.0, 1.0]]


def test_giou_losses_by_hand():
    # Predicted box 0..10 x 0..10 against 5..15 x 0..10: overlap 50, union 150, hull 150.
    # GIoU = 1/3 - 0. The second sample is perfect, the third is apart: 0..2 against 4..6 in x:
    # overlap 0, union 8, hull 12: GIoU = -4/12.
    coder = DistanceCoder(1)
    pixels = torch.tensor([[4, 5], [8, 8], [1, 1]])
    distances = torch.tensor([[4.0, 5.0, 6.0, 5.0], [1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0]])
    boxes = torch.tensor([[5.0, 0, 15, 10], [7.0, 6, 11, 12], [4.0, 0, 6, 2]])
    losses = coder.loss(distances, pixels, boxes)
    assert losses.tolist() == pytest.approx([1 - 1 / 3, 0, 1 + 1 / 3], rel=1e-4, abs=1e-6)


def test_mocs_losses_by_hand():
    sizes = torch.tensor([[3.0, 4.0], [1.0, 1.0]])
    boxes = torch.tensor([[8.0, 0.0, 12.0, 20.0], [0.0, 0.0, 4.0, 8.0]])  # (1, 5), (1, 2)
    losses = WidthHeightCoder(4).loss(sizes, torch.zeros(2, 2), boxes)
    assert losses.tolist() == pytest.approx([(2 + 1) / 2, (0 + 1) / 2])


def test_giou_and_its_gradient_are_torchvisions():
    torch.manual_seed(0)
    corners = torch.rand(500, 2, 2, 2) * 40
    corners[:20, :, 1] = corners[:20, :, 0] + 1e-3  # nearly without area
    corners[20:40, 1] = corners[20:40, 0]  # perfect
    boxes = torch.cat([corners.amin(dim=2), corners.amax(dim=2)], dim=-1)
    predicted, true = boxes[:, 0].clone().requires_grad_(), boxes[:, 1]
    ours, theirs = (loss(predicted, true) for loss in (giou_loss, generalized_box_iou_loss))
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)
    gradients = [torch.autograd.grad(values.sum(), predicted)[0] for values in (ours, theirs)]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("coder", [DistanceCoder(4), WidthHeightCoder(4)])
def test_sizes_of_mirrored_frames_become_those_of_the_frames(coder):
    """What tells a box at a pixel tells the mirrored box (x to W - 1 - x) at the mirrored pixel."""
    width, pixel = 8, torch.tensor([2, 3])
    box, mirrored = torch.tensor([3.0, 5, 20, 18]), torch.tensor([11.0, 5, 28, 18])
    maps = torch.zeros(1, coder.num_values, 5, width)
    maps[0, :, 3, width - 1 - 2] = coder.encode(mirrored, torch.tensor([width - 1 - 2, 3]))
    assert coder.hflip(maps)[0, :, 3, 2].tolist() == coder.encode(box, pixel).tolist()


@pytest.mark.parametrize("movement_gaussian", [True, False])
@pytest.mark.parametrize("size_gaussian", [True, False])
def test_perfect_maps_give_back_perfect_boxes(tiny_cfg, movement_gaussian, size_gaussian):
    """Maps of zero loss, written from the boxes alone, decode to these boxes."""
    stma = tiny_cfg.MODEL.STMA
    stma.MOVEMENT.GAUSSIAN, stma.SIZE.GAUSSIAN = movement_gaussian, size_gaussian
    tiny_cfg.INPUT.SNIPPET_LENGTH, tiny_cfg.INPUT.CLIP_LENGTH = 5, 8
    tiny_cfg.INPUT.SIZE = (128, 160)
    model = build_model(tiny_cfg)
    coder = model.box_coder
    torch.manual_seed(3)
    num_frames = 5
    centers = torch.tensor([[30.0, 40.0], [90.0, 50.0], [60.0, 100.0], [130.0, 90.0]])
    steps = torch.arange(num_frames)[None, :, None] - 2
    centers = centers[:, None] + steps * torch.randn(4, 1, 2) * 3 + torch.rand(4, 1, 2) * 4
    sides = torch.rand(4, num_frames, 2) * 20 + 16
    boxes = torch.cat([centers - sides / 2, centers + sides / 2], dim=2)
    rules = TargetRules.from_config(tiny_cfg, STRIDE)
    targets = make_targets(boxes, torch.tensor([2, 0, 1, 0]), (128, 160), rules)
    height, width = targets["heatmap"].shape[1:]

    # Movement: what leads from the peak's pixel to each frame's center; Eq. 4 only promises it
    # from the key frame's center on.
    frames, pixels, instances, _ = targets["size"]
    feature_centers = centers / STRIDE
    key = feature_centers[:, 2:3]
    exact = not (movement_gaussian and size_gaussian)
    offsets = (feature_centers - (key.floor() if exact else key)).flatten(1)
    movement = torch.zeros(2 * num_frames, height * width)
    movement[:, targets["movement"].pixels] = offsets[targets["movement"].instances].T
    truth = boxes[instances, frames]
    if size_gaussian:
        points = torch.stack([pixels % width, pixels // width], dim=1) * STRIDE
        values = torch.cat([points - truth[:, :2], truth[:, 2:] - points], dim=1)
    else:
        values = (truth[:, 2:] - truth[:, :2]) / STRIDE
    sizes = torch.zeros(num_frames, values.shape[1], height * width)
    sizes[frames, :, pixels] = values

    batch = batch_targets([{"targets": targets}], torch.device("cpu"))
    logits = torch.logit(targets["heatmap"], eps=1e-6)[None]
    maps = WindowMaps(logits, movement.view(1, -1, height, width), None)
    features = FrameFeatures(torch.zeros(5), sizes.view(num_frames, -1, height, width), None)
    losses = model.losses(features, maps, torch.arange(num_frames)[None], batch)
    assert losses["loss_movement"].item() == pytest.approx(0, abs=1e-3)
    assert losses["loss_size"].item() == pytest.approx(0, abs=1e-3)

    peaks = find_peaks(targets["heatmap"][None], 4)
    followed = follow_centers(peaks, maps.movement)
    decoded = read_boxes(peaks, followed, features.size[None], coder)[0]
    distance = (decoded[:, None] - boxes[None]).abs().amax(dim=(2, 3))
    assert distance.amin(dim=1).max() < 1e-3, "pixels"
    assert sorted(distance.argmin(dim=1).tolist()) == [0, 1, 2, 3]
