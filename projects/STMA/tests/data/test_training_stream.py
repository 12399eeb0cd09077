"""The order of the data."""

from itertools import islice

import numpy as np

from stma_d2.data.clip_sampler import ClipSampler
from stma_d2.data.training_stream import TrainingStream
from stma_d2.data.windows import WindowIndex
from stma_d2.structures import Tube


def make_index(num_windows: int) -> WindowIndex:
    """Windows 1, 2, ... of one video, all of them for training."""
    tube = Tube(np.arange(1, num_windows + 1), np.zeros((num_windows, 4), np.float32), 0)
    video = {"video_id": "a", "num_frames": num_windows, "tubes": [tube]}
    return WindowIndex([video], ClipSampler(1, 1))


def windows_of(stream: TrainingStream, count: int) -> list[int]:
    return [int(item["windows"][0]) for item in islice(stream, count)]


def test_each_epoch_holds_every_window_once_in_an_order_of_its_own() -> None:
    windows = windows_of(TrainingStream(make_index(20), 3, seed=0), 60)
    epochs = windows[:20], windows[20:40], windows[40:]
    assert [sorted(epoch) for epoch in epochs] == [list(range(1, 21))] * 3
    assert epochs[0] != epochs[1] != epochs[2] != sorted(epochs[2])


def test_stream_entered_later_is_the_tail_of_the_whole() -> None:
    whole = list(islice(TrainingStream(make_index(20), 3, seed=4), 90))
    for start in (1, 6, 7, 20):
        later = TrainingStream(make_index(20), 3, seed=4, start_iter=start)
        seeds = [item["seed"] for item in islice(later, 90 - 3 * start)]
        assert seeds == [item["seed"] for item in whole[3 * start :]]
        assert windows_of(later, 9) == [int(i["windows"][0]) for i in whole[3 * start :][:9]]


def test_no_two_positions_share_a_seed() -> None:
    seeds = [item["seed"] for item in islice(TrainingStream(make_index(5), 2, seed=0), 50)]
    assert len(set(seeds)) == 50


def test_late_start_costs_no_more_than_an_early_one() -> None:
    """Ten thousand million batches into the training: nothing before is drawn."""
    assert len(windows_of(TrainingStream(make_index(20), 3, seed=0, start_iter=10**10), 60)) == 60
