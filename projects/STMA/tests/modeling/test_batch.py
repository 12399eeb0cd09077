"""Samples brought together: indices move with their sample."""

from __future__ import annotations

import torch

from stma_d2.modeling.batch import batch_frames, batch_targets

CPU = torch.device("cpu")


def frames(values):
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def test_every_window_finds_its_own_frames_again():
    samples = [
        {
            "frames": frames([10, 11, 12, 13]),
            "snippet_index": torch.tensor([[0, 1], [1, 2]]),
            "clip_index": torch.tensor([[0, 0, 1], [1, 2, 3]]),
        },
        {
            "frames": frames([20, 21]),
            "snippet_index": torch.tensor([[1, 1]]),
            "clip_index": torch.tensor([[0, 1, 1]]),
        },
    ]
    batch = batch_frames(samples, CPU)
    detected = batch.frames[batch.detected][:, 0, 0, 0]
    assert detected.tolist() == [10, 11, 12, 21], "frame 13 and 20 are in no snippet"
    assert detected[batch.snippet_index].tolist() == [[10, 11], [11, 12], [21, 21]]
    clips = batch.frames[batch.clip_index][..., 0, 0, 0]
    assert clips.tolist() == [[10, 10, 11], [11, 12, 13], [20, 21, 21]]


def test_instances_know_their_window_and_samples_their_instance(tiny_cfg, make_sample):
    samples = [make_sample(tiny_cfg, num_instances=n, seed=n) for n in (2, 0, 1)]
    targets = batch_targets(samples, CPU)
    assert targets.windows.tolist() == [0, 0, 2]
    assert targets.heatmap.shape == (3, 1, 16, 16)
    third = samples[2]["targets"]
    count = len(third["size"].pixels)
    assert targets.size.instances[-count:].unique().tolist() == [2]
    assert torch.equal(targets.size.pixels[-count:], third["size"].pixels)
    assert torch.equal(targets.boxes[2], third["boxes"][0])
