"""What is read once, what anew, and what is kept."""

import pytest

from stma_d2.data.recent_frames import RecentFrames


def test_recent_frames_keep_no_more_than_the_last_call(spy_readers: list) -> None:
    recent = RecentFrames()
    recent.read("a", (2, 2), [1, 2, 3])
    recent.read("a", (2, 2), [3, 4])
    assert [f[0, 0, 0] for f in recent.read("a", (2, 2), [4, 5, 6])] == [4, 5, 6]
    recent.read("a", (2, 2), [9])
    recent.read("a", (2, 2), [9, 10])
    assert [reader.decoded for reader in spy_readers] == [[1, 2, 3, 4, 5, 6, 9, 10]]


@pytest.mark.parametrize(
    "again", [("a", [3, 4]), ("a", [2, 3]), ("a", [1, 9]), ("b", [4, 5]), ("a", [4, 5], 2)]
)
def test_frames_that_do_not_follow_are_read_anew(spy_readers: list, again: tuple) -> None:
    recent = RecentFrames()
    recent.read("a", (2, 2), [3, 4])
    recent.read(again[0], (2, 2), *again[1:])
    assert [reader.decoded for reader in spy_readers] == [[3, 4], again[1]]
