"""Targets against the formulas, evaluated pixel by pixel in plain Python."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from stma_d2.data.targets import TargetRules, gaussian_radius, make_targets

INPUT = (96, 128)
MAP = (24, 32)
RULES = TargetRules(num_classes=4, stride=4)
SINGLE_PIXELS = replace(RULES, movement_gaussian=False, size_gaussian=False)
both_ways = pytest.mark.parametrize("rules", [RULES, SINGLE_PIXELS], ids=["areas", "pixels"])


def random_boxes(rng: np.random.Generator, instances: int, frames: int) -> torch.Tensor:
    """(M, K, 4) float32 boxes inside the input, of all sizes."""
    corners = np.sort(rng.random((instances, frames, 2, 2)), axis=2) * [INPUT[1] - 1, INPUT[0] - 1]
    return torch.from_numpy(corners.reshape(instances, frames, 4).astype(np.float32))


def pixel_of(box: list[float]) -> tuple[int, int]:
    """x, y of the feature pixel that holds the center of a box in input pixels."""
    x, y = math.floor((box[0] + box[2]) / 8), math.floor((box[1] + box[3]) / 8)
    return min(max(x, 0), MAP[1] - 1), min(max(y, 0), MAP[0] - 1)


def area_of(box: list[float]) -> dict[tuple[int, int], float]:
    """Gaussian values by pixel (x, y) of one box's regression area, on an endless map."""
    cx, cy = pixel_of(box)
    dx = 2 * int(0.54 * (box[2] - box[0]) / 4 / 2) + 1  # diameters
    dy = 2 * int(0.54 * (box[3] - box[1]) / 4 / 2) + 1
    values = {}
    for y in range(cy - 40, cy + 41):
        for x in range(cx - 40, cx + 41):
            if 4 * (x - cx) ** 2 / dx**2 + 4 * (y - cy) ** 2 / dy**2 <= 1:
                exponent = (x - cx) ** 2 / (2 * (dx / 6) ** 2)
                exponent += (y - cy) ** 2 / (2 * (dy / 6) ** 2)
                values[x, y] = math.exp(-exponent)
    return values


def weights_of(
    area_boxes: list[list[float]], boxes: list[list[float]]
) -> dict[tuple[int, int], tuple[int, float]]:
    """Owner and weight by pixel (x, y) of one map."""
    areas = [area_of(box) for box in area_boxes]
    sizes = [(box[2] - box[0]) * (box[3] - box[1]) for box in area_boxes]
    owners = {}
    for y in range(MAP[0]):
        for x in range(MAP[1]):
            claims = [i for i, area in enumerate(areas) if (x, y) in area]
            if claims:
                owners[x, y] = min(claims, key=lambda i: (sizes[i], i))
    result = {}
    for (x, y), i in owners.items():
        total = sum(areas[i][p] for p, owner in owners.items() if owner == i)
        size = (boxes[i][2] - boxes[i][0]) * (boxes[i][3] - boxes[i][1])
        result[x, y] = (i, math.log(max(size, math.e)) * areas[i][x, y] / total)
    return result


def samples_by_pixel(pixels, instances, weights) -> dict[tuple[int, int], tuple[int, float]]:
    return {
        (p % MAP[1], p // MAP[1]): (i, w)
        for p, i, w in zip(pixels.tolist(), instances.tolist(), weights.tolist(), strict=True)
    }


def assert_same_samples(actual: dict, expected: dict) -> None:
    assert actual.keys() == expected.keys()
    for pixel, (instance, weight) in expected.items():
        assert actual[pixel][0] == instance
        assert actual[pixel][1] == pytest.approx(weight, rel=1e-4)


def test_gaussian_radius_of_known_boxes() -> None:
    # CenterNet's code for boxes of 20 x 30 and 40 x 10: the third case decides,
    # b3 = -2 * .7 * 50 = -70, c3 = -.3 * 600 = -180 or -.3 * 400 = -120; and a point.
    radii = gaussian_radius(torch.tensor([20.0, 40, 0]), torch.tensor([30.0, 10, 0]))
    by_hand = [(-70 + math.sqrt(4900 + 2016)) / 2, (-70 + math.sqrt(4900 + 1344)) / 2, 0]
    assert radii.tolist() == pytest.approx(by_hand, rel=1e-5)


def test_heatmap_is_the_key_frames_and_equals_the_formula_at_every_pixel() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        boxes = random_boxes(rng, 3, 5)
        targets = make_targets(boxes, torch.tensor([2, 0, 2]), INPUT, RULES)
        heatmap = targets["heatmap"][0].numpy()
        expected = np.zeros(MAP)
        for box in boxes[:, 2].tolist():
            cx, cy = pixel_of(box)
            sides = [torch.tensor([math.ceil((box[i + 2] - box[i]) / 4)]) for i in (1, 0)]
            radius = int(gaussian_radius(*sides))
            sigma = (2 * radius + 1) / 6
            for y in range(MAP[0]):
                for x in range(MAP[1]):
                    if max(abs(x - cx), abs(y - cy)) <= radius:
                        value = math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
                        expected[y, x] = max(expected[y, x], value)
            assert heatmap[cy, cx] == 1
        np.testing.assert_allclose(heatmap, expected, rtol=1e-5, atol=1e-7)


def test_class_aware_heatmaps_keep_classes_apart() -> None:
    boxes = random_boxes(np.random.default_rng(1), 3, 5)
    labels = torch.tensor([2, 0, 2])
    rules = replace(RULES, class_agnostic=False)
    heatmap = make_targets(boxes, labels, INPUT, rules)["heatmap"]
    assert heatmap.shape == (4, *MAP)
    assert heatmap[1].max() == 0 and heatmap[3].max() == 0
    for label in (0, 2):
        of_class = make_targets(boxes[labels == label], labels[labels == label], INPUT, RULES)
        assert torch.equal(heatmap[label], of_class["heatmap"][0])


def test_centers_are_each_frames_own_in_feature_pixels() -> None:
    boxes = torch.tensor([[[8.0, 16, 24, 20], [10.0, 16, 26, 24]]])
    centers = make_targets(boxes, torch.tensor([0]), INPUT, RULES)["centers"]
    assert centers.tolist() == [[[4, 4.5], [4.5, 5]]]


@pytest.mark.parametrize("area", ["frame", "key"])
def test_gaussian_samples_equal_the_formulas_at_every_pixel(area: str) -> None:
    rng = np.random.default_rng(3)
    rules = replace(RULES, size_area=area)
    for _ in range(4):
        boxes = random_boxes(rng, 4, 3)
        targets = make_targets(boxes, torch.zeros(4, dtype=torch.int64), INPUT, rules)
        listed = boxes.tolist()
        key = [instance[1] for instance in listed]
        movement = samples_by_pixel(*targets["movement"][1:])
        assert_same_samples(movement, weights_of(key, key))
        for k in range(3):
            chosen = targets["size"].frames == k
            size = samples_by_pixel(*(field[chosen] for field in targets["size"][1:]))
            frame = [instance[k] for instance in listed]
            assert_same_samples(size, weights_of(key if area == "key" else frame, frame))


def test_shared_pixels_of_equal_boxes_belong_to_the_first() -> None:
    boxes = torch.tensor([[[8.0, 8, 60, 60]], [[8.0, 8, 60, 60]]])
    targets = make_targets(boxes, torch.tensor([0, 1]), INPUT, RULES)
    assert targets["movement"].instances.unique().tolist() == [0]
    assert torch.isfinite(targets["movement"].weights).all()


def test_without_gaussian_the_center_pixel_alone_counts_one() -> None:
    boxes = random_boxes(np.random.default_rng(4), 3, 5)
    boxes[2] = boxes[1]  # MOC keeps both where centers coincide
    targets = make_targets(boxes, torch.tensor([0, 1, 2]), INPUT, SINGLE_PIXELS)

    def expected(frames: range) -> list[tuple]:
        pixels = {(k, i): pixel_of(boxes[i, k].tolist()) for k in frames for i in range(3)}
        return [(k, y * MAP[1] + x, i, 1) for (k, i), (x, y) in pixels.items()]

    for samples, frames in ((targets["movement"], range(2, 3)), (targets["size"], range(5))):
        assert list(zip(*(field.tolist() for field in samples), strict=True)) == expected(frames)


def test_each_regression_chooses_its_samples_by_itself() -> None:
    boxes = torch.tensor([[[8.0, 8, 88, 88]]])
    for movement, size in ((True, False), (False, True)):
        rules = replace(RULES, movement_gaussian=movement, size_gaussian=size)
        targets = make_targets(boxes, torch.tensor([0]), INPUT, rules)
        assert (len(targets["movement"].pixels) > 1) == movement
        assert (len(targets["size"].pixels) > 1) == size


@both_ways
def test_centers_at_and_beyond_the_border_are_brought_inside(rules: TargetRules) -> None:
    boxes = torch.tensor([[[120.0, 90, 140, 110]], [[-30.0, -20, -10, -4]], [[0.0, 95, 0, 95]]])
    targets = make_targets(boxes, torch.tensor([0, 1, 2]), INPUT, rules)
    heatmap, pixels = targets["heatmap"][0], targets["movement"].pixels
    assert [heatmap[23, 31], heatmap[0, 0], heatmap[23, 0]] == [1, 1, 1]
    assert {23 * 32 + 31, 0, 23 * 32} <= set(pixels.tolist())
    assert pixels.min() >= 0 and pixels.max() < MAP[0] * MAP[1]


def test_degenerate_boxes_train_their_center_pixel_with_positive_weight() -> None:
    # A point, and a sliver of less than one pixel's area (whose logarithm is negative).
    boxes = torch.tensor([[[40.0, 40, 40, 40]], [[8.0, 80, 8.5, 81]]])
    targets = make_targets(boxes, torch.tensor([0, 1]), INPUT, RULES)
    assert targets["movement"].pixels.tolist() == [10 * 32 + 10, 20 * 32 + 2]
    assert targets["movement"].weights.tolist() == pytest.approx([1, 1])  # the area counts as e
    assert torch.isfinite(targets["heatmap"]).all()


@both_ways
@pytest.mark.parametrize("count", [0, 2])
def test_shapes_and_types_are_as_documented(rules: TargetRules, count: int) -> None:
    boxes = random_boxes(np.random.default_rng(5), count, 5)
    targets = make_targets(boxes, torch.zeros(count, dtype=torch.int64), INPUT, rules)
    shapes = {"labels": (), "boxes": (5, 4), "centers": (5, 2)}
    assert all(targets[name].shape == (count, *shape) for name, shape in shapes.items())
    assert targets["heatmap"].shape == (1, *MAP) and targets["heatmap"].any() == (count > 0)
    assert targets["labels"].dtype == torch.int64
    assert all(targets[name].dtype == torch.float32 for name in ("boxes", "centers", "heatmap"))
    for samples in (targets["movement"], targets["size"]):
        assert [field.dtype for field in samples] == [torch.int64] * 3 + [torch.float32]
        assert {field.dim() for field in samples} == {1}
        assert len({len(field) for field in samples}) == 1 and (len(samples[0]) > 0) == (count > 0)
