"""Splits are drawn by video, or by groups of them, or listed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stma_d2.data.formats import split_by_list, split_by_ratio
from stma_d2.errors import InputError

CLIPS = [f"Run/v_Run_g{g:02d}_c{c:02d}" for g in range(1, 11) for c in range(1, 4)]


@given(st.floats(0, 1), st.integers(0, 99), st.sampled_from([None, "_c", "_g"]))
def test_every_video_is_on_one_side_and_no_group_on_both(share, seed, separator):
    split = split_by_ratio(CLIPS, share, seed, separator)
    assert sorted((*split.train, *split.test)) == sorted(CLIPS)
    if separator:
        sides = [
            {name.rpartition(separator)[0] for name in side} for side in (split.train, split.test)
        ]
        assert not sides[0] & sides[1]
    assert split == split_by_ratio(CLIPS[:], share, seed, separator)


def test_the_share_is_kept_and_the_seed_matters():
    split = split_by_ratio(CLIPS, 0.8, 0)
    assert (len(split.train), len(split.test)) == (24, 6)
    assert list(split.train) == [name for name in CLIPS if name in split.train]
    assert split_by_ratio(CLIPS, 0.8, 0, "_c") != split_by_ratio(CLIPS, 0.8, 1, "_c")
    assert split != split_by_ratio(CLIPS, 0.8, 1)


@pytest.mark.parametrize(
    ("count", "share", "train"), [(1, 0.1, 1), (2, 0.99, 1), (2, 0.01, 1), (3, 1, 3), (3, 0, 0)]
)
def test_of_two_each_side_gets_one(count, share, train):
    assert len(split_by_ratio(CLIPS[:count], share, 0).train) == train


@pytest.mark.parametrize(
    ("share", "separator", "message"),
    [(1.1, None, "is 1.1; it is 0 to 1"), (0.5, "#", "no video's name has '#'; such as 'Run/v_R")],
)
def test_what_cannot_be_drawn_is_told(share, separator, message):
    with pytest.raises(InputError, match=message):
        split_by_ratio(CLIPS, share, 0, separator)


def test_without_videos_there_is_no_split():
    with pytest.raises(InputError, match="there is no video to draw a split from"):
        split_by_ratio([], 0.8, 0)


def test_lists_are_read_as_ucf101_has_them(tmp_path):
    path = tmp_path / "testlist01.txt"
    path.write_text("a 1.avi\nRun/b.avi 12\nc\n\nd.avi\nzzz.MP4 3\n")
    names = ["a 1", "Run/b", "c", "d.avi", "e"]
    split, unknown = split_by_list(names, str(path))
    assert (split.train, split.test) == (("e",), ("a 1", "Run/b", "c", "d.avi"))
    assert unknown == ["zzz"]


def test_a_list_of_other_videos_is_refused(tmp_path):
    (tmp_path / "l.txt").write_text("x\n")
    with pytest.raises(InputError, match=r"l\.txt lists none of the videos, such as 'a'"):
        split_by_list(["a"], str(tmp_path / "l.txt"))
