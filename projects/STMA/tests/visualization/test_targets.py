"""Where a training sample's picture shows the targets."""

from __future__ import annotations

import numpy as np
import torch

from stma_d2.data.targets import TargetRules, make_targets
from stma_d2.visualization.targets import draw_training_sample
from stma_d2.visualization.tubes import class_color


def test_targets_are_drawn_where_they_are() -> None:
    size = (64, 96)
    boxes = torch.tensor([[40.0, 20, 80, 50]]).expand(3, 4)[None]
    sample = {
        "frames": torch.full((3, 3, *size), 60, dtype=torch.uint8),
        "frame_numbers": torch.tensor([4, 5, 6]),
        "snippet_index": torch.tensor([[0, 1, 2]]),
        "targets": make_targets(
            boxes, torch.tensor([1]), size, TargetRules(num_classes=2, stride=4)
        ),
    }
    picture = draw_training_sample(sample, ["Run", "Jump"])
    factor = 6  # 64 rows enlarged to at least 360
    rows, columns = 64 * factor + 28, 96 * factor + 4  # with caption and margin
    assert picture.shape == (2 * rows, 4 * columns, 3)
    tiles = picture.reshape(2, rows, 4, columns, 3).swapaxes(1, 2)[:, :, 28:, :-4].astype(int)
    heatmap = tiles[0, 3].sum(axis=-1)
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    assert (y // (4 * factor), x // (4 * factor)) == (8, 15)  # center 60, 35 -> pixel 15, 8
    for tile in tiles[1]:  # size on three frames, movement
        colored = np.ptp(tile, axis=-1) > 20
        rows_of, columns_of = np.nonzero(colored)
        # Radii int(.54 * 10 / 2) = 2 and int(.54 * 7.5 / 2) = 2 feature pixels.
        assert (rows_of.min() // 24, rows_of.max() // 24) == (6, 10)
        assert (columns_of.min() // 24, columns_of.max() // 24) == (13, 17)


def test_an_instance_has_one_color_and_no_score() -> None:
    """Two instances whose classes stand in the other order: box above and pixels below agree."""
    size = (64, 96)
    boxes = torch.tensor([[8.0, 20, 40, 60], [56, 20, 88, 60]])[:, None].expand(2, 1, 4)
    sample = {
        "frames": torch.full((1, 3, *size), 60, dtype=torch.uint8),
        "frame_numbers": torch.tensor([4]),
        "snippet_index": torch.tensor([[0]]),
        "targets": make_targets(
            boxes, torch.tensor([1, 0]), size, TargetRules(num_classes=2, stride=4)
        ),
    }
    picture = draw_training_sample(sample, ["Run", "Jump"]).astype(float)
    rows = picture.shape[0] // 2
    for column, number in ((24, 1), (72, 2)):  # centers, pixels of the frame
        edge = picture[28 + 6 * 50, 6 * (column - 16)]
        blob = picture[rows + 28 + 6 * 40 + 3, 6 * column + 3] - 60
        color = np.array(class_color(number), float)
        np.testing.assert_allclose(edge, color, atol=2)
        mixed = color - 60
        cosine = blob @ mixed / np.linalg.norm(blob) / np.linalg.norm(mixed)
        assert cosine > 0.99
