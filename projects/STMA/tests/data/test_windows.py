"""Every window of a video, alone and in chunks."""

import pytest

from stma_d2.data.clip_sampler import ClipSampler
from stma_d2.data.windows import ChunkIndex, WindowIndex
from stma_d2.errors import InputError
from stma_d2.structures import Tube


def make_video(name: str, num_frames: int, *tubes: Tube) -> dict:
    return {"video_id": name, "num_frames": num_frames, "tubes": list(tubes)}


def test_window_index_lists_every_training_window_of_every_video(make_tube) -> None:
    videos = [
        make_video("a", 10, make_tube(2, 5)),
        make_video("empty", 10),
        make_video("b", 6, make_tube(1, 6)),
    ]
    index = WindowIndex(videos, ClipSampler(3, 3).training_windows)
    items = [index[i] for i in range(len(index))]
    found = [(i["video"]["video_id"], *i["windows"].tolist()) for i in items]
    assert found == [("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3), ("b", 4)]
    assert items[0]["video"] is videos[0]


def test_window_index_names_the_video_with_a_bad_tube(make_tube) -> None:
    videos = [make_video("Run/run_01", 10, make_tube(8, 12))]
    with pytest.raises(InputError, match="video 'Run/run_01'.*the video has 10"):
        WindowIndex(videos, ClipSampler(3, 3).training_windows)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_chunk_index_covers_every_window_once(size: int) -> None:
    index = ChunkIndex(
        [make_video("a", 13), make_video("short", 2), make_video("b", 5)], ClipSampler(5, 5), size
    )
    windows: dict[str, list[int]] = {}
    for i in range(len(index)):
        item = index[i]
        assert 1 <= len(item["windows"]) <= size
        windows.setdefault(item["video"]["video_id"], []).extend(item["windows"].tolist())
    assert windows == {"a": list(range(1, 10)), "short": [1], "b": [1]}


def test_indexes_end(make_tube) -> None:
    # Python's iteration protocol relies on the IndexError.
    with pytest.raises(IndexError):
        ChunkIndex([make_video("a", 13)], ClipSampler(5, 5), 4)[3]
    with pytest.raises(IndexError):
        WindowIndex([make_video("a", 3, make_tube(1, 3))], ClipSampler(3, 3).training_windows)[1]
