"""The order of the data."""

from itertools import islice

import numpy as np

from stma_d2.data.clip_sampler import ClipSampler
from stma_d2.data.training_stream import TrainingStream
from stma_d2.data.windows import WindowIndex
from stma_d2.structures import Tube


def make_index(num_windows: int, name: str = "a") -> WindowIndex:
    """Windows 1, 2, ... of one video, all of them for training."""
    tube = Tube(np.arange(1, num_windows + 1), np.zeros((num_windows, 4), np.float32), 0)
    video = {"video_id": name, "num_frames": num_windows, "tubes": [tube]}
    return WindowIndex([video], ClipSampler(1, 1).training_windows)


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


def test_background_takes_its_share_of_the_places_and_leaves_the_others_alone() -> None:
    index, background = make_index(20), make_index(5, "background")
    plain = list(islice(TrainingStream(index, 4, seed=0), 4000))
    mixed = TrainingStream(index, 4, seed=0, background=background, background_share=0.25)
    others = []
    for item, expected in zip(islice(mixed, 4000), plain, strict=True):
        if item["video"]["video_id"] == "background":
            others.append(int(item["windows"][0]))
        else:
            assert item == expected
    assert abs(len(others) - 1000) < 4 * (4000 * 0.25 * 0.75) ** 0.5  # four standard deviations
    assert sorted(set(others)) == [1, 2, 3, 4, 5]
    later = TrainingStream(
        index, 4, seed=0, start_iter=30, background=background, background_share=0.25
    )
    assert windows_of(later, 40) == windows_of(mixed, 160)[120:]


def test_replacements_depend_on_seed_place_and_attempt_alone() -> None:
    streams = [TrainingStream(make_index(50), 2, seed=3, start_iter=start) for start in (0, 40)]
    islice_of_first = list(islice(streams[0], 9))
    assert len(islice_of_first) == 9
    found = {
        (position, attempt): [stream.replacement_at(position, attempt) for stream in streams]
        for position in range(20)
        for attempt in range(3)
    }
    for first, second in found.values():
        assert first["windows"] == second["windows"]
        assert first["seed"] == second["seed"]
    seeds = {first["seed"] for first, _ in found.values()}
    seeds |= {streams[0].item_at(position)["seed"] for position in range(20)}
    assert len(seeds) == 80
    assert len({int(first["windows"][0]) for first, _ in found.values()}) > 20
