from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stma_d2.errors import InputError
from stma_d2.linking import LinkingRules, OnlineLinker, Suppression, link_tubelets
from stma_d2.structures import Tubelets

K = 3
HERE, AWAY = 0.0, 200.0


def tubelet(x, score, length=K):
    """One tubelet that stands still, of one class."""
    boxes = np.tile(np.array([x, 0, x + 19, 19], np.float32), (1, length, 1))
    return boxes, np.array([[score]], np.float32)


@st.composite
def videos(draw):
    """Windows with holes, few distinct boxes and scores, so that ties are everywhere."""
    K = draw(st.sampled_from([1, 2, 4]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    num_frames = int(rng.integers(1, 50))
    share = draw(st.sampled_from([0.4, 0.9]))
    windows = np.flatnonzero(rng.random(max(num_frames - K + 1, 1)) < share) + 1
    x = 5 * rng.integers(0, 5, (1, 4, 1)) + rng.integers(0, 3, (len(windows), 4, K))
    boxes = np.stack([x, 0 * x, x + 19, 0 * x + 19], axis=-1).astype(np.float32)
    scores = rng.choice([0, 0.25, 0.5, 0.9], (len(windows), 4, 2)).astype(np.float32)
    rules = {
        "tubelet_nms": draw(st.sampled_from([Suppression(0.6, True), Suppression(0.4, False)])),
        "max_tubelets": draw(st.sampled_from([2, 10])),
        "max_gap": draw(st.sampled_from([None, 1, 7])),
        "min_tube_length": draw(st.sampled_from([1, 6])),
        "min_tubelet_score": draw(st.sampled_from([0.0, 0.3])),
        **draw(
            st.sampled_from(
                [{}, {"max_tube_length": 6}, {"max_tube_length": 13}, {"trim_to_key_frames": True}]
            )
        ),
        "trim_below_median": draw(st.sampled_from([0.0, 0.5, 0.9])),
    }
    return num_frames, Tubelets(windows, boxes, scores), rules


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=videos(), run=st.sampled_from([1, 7, 50]))
def test_runs_of_windows_give_the_tubes_of_the_loops(oracle, case, run):
    num_frames, found, rules = case
    linker = OnlineLinker(2, found.num_frames, **rules)
    tubes, seen = [], set()
    for start in range(0, len(found), run):
        part = found[start : start + run]
        ended = linker.extend(part)
        assert all(tube.frames[-1] < part.windows[-1] + found.num_frames for tube in ended)
        tubes += ended
        seen |= {tube.id for tube in linker.live}
    tubes += linker.finish(num_frames)
    tubes.sort(key=lambda tube: tube.label)
    expected = oracle("plain_rules").link(found, num_frames, LinkingRules(**rules))
    assert [(t.label, t.score, t.frames[0], len(t)) for t in tubes] == [
        (label, score, first, len(boxes)) for label, score, first, boxes in expected
    ]
    for tube, (*_, boxes) in zip(tubes, expected, strict=True):
        np.testing.assert_allclose(tube.boxes, boxes, atol=1e-5)
    assert run > 1 or seen == set(range(len(seen))), "ids count the tubes"


def test_tube_is_handed_out_at_the_window_where_it_ends():
    """Last tubelet at window 2, K = 3: windows 3 and 4 wait, window 5 is the third without one."""
    linker = OnlineLinker(1, K, min_tube_length=1)
    assert linker.push(1, *tubelet(HERE, 0.5)) == []
    assert linker.push(2, *tubelet(HERE, 0.7)) == []
    assert linker.push(3, *tubelet(AWAY, 0.9)) == []
    assert linker.push(4, *tubelet(AWAY, 0.9)) == []
    (tube,) = linker.push(5, *tubelet(AWAY, 0.9))
    assert (tube.frames.tolist(), tube.score) == ([1, 2, 3, 4], pytest.approx(0.6))
    (rest,) = linker.finish(7)
    assert rest.frames.tolist() == [3, 4, 5, 6, 7]


def test_window_without_tubelets_and_left_out_windows_end_tubes():
    nothing = np.empty((0, K, 4)), np.empty((0, 1))
    linker = OnlineLinker(1, K, min_tube_length=1)
    linker.push(1, *tubelet(HERE, 0.5))
    assert linker.push(3, *nothing) == []
    assert len(linker.push(4, *nothing)) == 1
    linker.push(5, *tubelet(HERE, 0.5))
    (tube,) = linker.push(100, *tubelet(HERE, 0.5))
    assert tube.frames.tolist() == [5, 6, 7]


def test_live_tubes_tell_what_is_known_so_far():
    """On its last frame a tube has the last tubelet's box only."""
    linker = OnlineLinker(1, K)
    assert linker.live == []
    for window, score in ((2, 0.5), (3, 0.9)):
        linker.push(window, *tubelet(HERE + window, score))
    linker.push(4, *tubelet(AWAY, 0.4))
    first, second = linker.live
    assert (first.id, first.label, first.first_frame, first.last_frame) == (0, 0, 2, 5)
    assert first.score == pytest.approx(0.7)
    assert first.box.tolist() == [3, 0, 22, 19]
    assert (second.id, second.first_frame, second.last_frame) == (1, 4, 6)


def test_number_of_tubelets_may_change_from_window_to_window():
    """Slots without a score change nothing."""
    rng = np.random.default_rng(0)
    counts = [1, 0, 5, 2, 12, 3, 7]
    x = np.zeros((len(counts), 12, K, 4), np.float32) + [0, 0, 19, 19]
    x[..., ::2] += 30 * np.arange(12)[:, None, None]
    scores = rng.random((len(counts), 12, 2)).astype(np.float32)
    linker = OnlineLinker(2, K, min_tube_length=1)
    for row, count in enumerate(counts):
        scores[row, count:] = 0
        assert linker.push(row + 1, x[row, :count], scores[row, :count]) == []
    filled = Tubelets(np.arange(1, 8), x, scores)
    tubes, expected = linker.finish(9), link_tubelets(filled, 9, min_tube_length=1)
    assert len(tubes) == len(expected) > 20
    for tube, other in zip(tubes, expected, strict=True):
        assert (tube.label, tube.score) == (other.label, other.score)
        np.testing.assert_array_equal(tube.boxes, other.boxes)


def test_memory_is_that_of_the_live_tubes():
    """A new actor every 30 windows: what is kept after 3000 windows is what was after 120."""
    linker = OnlineLinker(1, K)
    sizes, ended = {}, 0
    for window in range(1, 3001):
        ended += len(linker.push(window, *tubelet(AWAY * (window // 30 % 2), 0.5)))
        sizes[window] = len(pickle.dumps(linker))
    assert ended == 99 and len(linker.live) == 2
    assert sizes[3000] == pytest.approx(sizes[120], abs=16)


def test_tube_that_may_not_grow_longer_ends_and_goes_on_as_another():
    """K = 3 and at most 8 frames: windows 1 .. 6 make the first tube, 7 .. 12 the second."""
    linker = OnlineLinker(1, K, min_tube_length=1, max_tube_length=8)
    ended = {w: linker.push(w, *tubelet(HERE, 0.5)) for w in range(1, 14)}
    assert [window for window, tubes in ended.items() if tubes] == [6, 12]
    assert ended[6][0].frames.tolist() == list(range(1, 9))
    assert ended[12][0].frames.tolist() == list(range(7, 15))


def test_finished_linker_begins_anew():
    linker = OnlineLinker(1, K, min_tube_length=1)
    for _ in range(2):
        linker.push(1, *tubelet(HERE, 0.5))
        (tube,) = linker.finish(2)
        assert tube.frames.tolist() == [1, 2] and tube.boxes.shape == (2, 4)
        assert linker.live == [] and linker.finish(2) == []


def test_windows_that_do_not_ascend_are_refused():
    linker = OnlineLinker(1, K)
    with pytest.raises(InputError, match="window 0 does not follow window 0"):
        linker.push(0, *tubelet(HERE, 0.5))
    linker.push(4, *tubelet(HERE, 0.5))
    with pytest.raises(InputError, match="window 4 does not follow window 4"):
        linker.push(4, *tubelet(HERE, 0.5))
    with pytest.raises(InputError, match="window 4 .* 5 frames.* 1 to 3"):
        linker.finish(5)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(N, 3, 4\) .* \(N, 1\), not \(1, 2, 4\) and \(1, 1\)"):
        OnlineLinker(1, K).push(1, np.zeros((1, 2, 4)), np.zeros((1, 1)))
    with pytest.raises(ValueError, match=r"\(1, 1, 3, 4\) and \(1, 2, 1\)"):
        OnlineLinker(1, K).push(1, np.zeros((1, K, 4)), np.zeros((2, 1)))
