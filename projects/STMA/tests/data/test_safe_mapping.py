"""A worker's video is known where it can no longer tell, and bad clips are passed over."""

from __future__ import annotations

import multiprocessing

import pytest
from torch.utils.data import DataLoader, Dataset

from stma_d2.data.safe_mapping import SkippedClips, Skipping, Whereabouts
from stma_d2.errors import InputError


def item(video, position=0):
    return {"video": {"video_id": video}, "position": position}


class Items(Dataset):
    """Items of two videos, mapped in a worker each."""

    def __init__(self, mapper):
        self.mapper = mapper

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.mapper(item(f"clips/{index} \N{EM DASH} x"))


def test_the_board_says_where_each_worker_is_and_which_process_it_is():
    arrived, go_on = multiprocessing.Semaphore(0), multiprocessing.Semaphore(0)
    processes = multiprocessing.SimpleQueue()

    def wait(item):
        processes.put((item["video"]["video_id"], multiprocessing.current_process().pid))
        arrived.release()
        assert go_on.acquire(timeout=60)
        return 1

    whereabouts = Whereabouts(wait, num_workers=2)
    assert whereabouts.videos() == []
    loader = iter(DataLoader(Items(whereabouts), batch_size=1, num_workers=2))
    assert all(arrived.acquire(timeout=60) for _ in range(2))
    by_video = dict(processes.get() for _ in range(2))
    assert sorted(whereabouts.videos()) == sorted(by_video)
    for video, process in by_video.items():
        assert whereabouts.videos([process]) == [video]
    go_on.release()
    go_on.release()
    assert len(list(loader)) == 2
    assert whereabouts.videos() == []


def test_without_workers_nothing_is_written():
    whereabouts = Whereabouts(lambda item: whereabouts.videos(), num_workers=0)
    assert whereabouts(item("a")) == []


class Stream:
    """Replaces by what it was asked for."""

    def replacement_at(self, position, attempt):
        return item(f"in place of {position}, attempt {attempt}", position)


def read(item):
    video = item["video"]["video_id"]
    if video.startswith("bad") or video.endswith("attempt 0"):
        raise InputError(f"video '{video}' cannot be read")
    return {"video_id": video}


def test_a_clip_that_cannot_be_read_is_replaced_by_its_place_alone():
    skipping = Skipping(read, Stream())
    assert skipping(item("good", 3)) == {"video_id": "good"}
    assert skipping(item("bad", 7)) == {
        "video_id": "in place of 7, attempt 1",
        "skipped": [
            ("bad", "video 'bad' cannot be read"),
            ("in place of 7, attempt 0", "video 'in place of 7, attempt 0' cannot be read"),
        ],
    }


def test_where_nothing_can_be_read_it_ends():
    def fail(item):
        raise InputError("no disk")

    with pytest.raises(InputError, match=r"SKIP_BAD_CLIPS: 10 clips, .* because of no disk"):
        Skipping(fail, Stream())(item("a"))


def test_a_bug_is_not_skipped():
    def fail(item):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Skipping(fail, Stream())(item("a"))


def test_each_bad_video_is_told_once_up_to_the_share():
    counts = SkippedClips(share=0.25, num_videos=8)
    assert counts.add([("a", "cut"), ("a", "cut"), ("b", "gone")]) == [("a", "cut"), ("b", "gone")]
    assert counts.add([("a", "cut")]) == []
    other = SkippedClips(share=0.25, num_videos=8)
    other.load_state_dict(counts.state_dict())
    assert other.clips == 4
    with pytest.raises(InputError, match=r"3 of 8 training videos .*SKIP_BAD_CLIPS 0\.25.*: no c"):
        other.add([("c", "no c")])
