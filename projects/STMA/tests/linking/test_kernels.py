"""What the callers of the kernels cannot see; the rest is tested through them."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.linking import OnlineLinker
from stma_d2.linking.kernels import take_frames
from stma_d2.linking.state import empty_state, make_room


def places_of(state, place, count):
    places = []
    for _ in range(count):
        places.append(int(place))
        place = state.before[place]
    return places


@pytest.mark.parametrize("max_gap", [None, 1, 7])
def test_every_place_of_the_store_has_one_use(max_gap):
    """Each is in the chain of the free ones or of one live tube, whatever ended how."""
    rng = np.random.default_rng(0)
    linker = OnlineLinker(2, 3, min_tube_length=5, max_gap=max_gap, max_tube_length=12)
    window = 0
    for _ in range(150):
        window += int(rng.choice([1, 1, 1, 2, 6]))
        x = rng.choice([0, 3, 40, 200], int(rng.integers(0, 6)))[:, None]
        boxes = np.stack([x, 0 * x, x + 19, 0 * x + 19], axis=-1).repeat(3, axis=1)
        linker.push(window, boxes, rng.choice([0, 0.3, 0.6], (len(x), 2)))
        state = linker._state
        places = places_of(state, state.counters[0]["first_free"], state.counters[0]["num_free"])
        for row, order, count in zip(state.tubes, state.order, state.num_live, strict=True):
            assert sorted(order) == list(range(len(order)))
            for tube in row[order[:count]]:
                places += places_of(state, tube["tail"], tube["last"] - tube["first"] + 3)
        assert sorted(places) == list(range(len(state.before)))
    linker.finish(window + 2)
    assert linker._state.counters[0]["num_free"] == len(linker._state.before)


def test_taken_frames_are_means_and_their_places_are_free_again():
    """Frames at places 2, 0, 1: two boxes, none, one; tubelets start on the first and the last."""
    state = make_room(empty_state(1, 1, 1), 3, max_tubelets=3)
    state.before[:] = [2, 0, -1]
    state.counters[0] = (-1, 0, 1, 3)
    state.sums[:] = [[0] * 4, [5, 6, 7, 8], [2, 4, 6, 8]]
    state.counts[:] = [0, 1, 2]
    state.scores[:] = [np.nan, 0.5, 0.25]
    boxes, scores = np.zeros((3, 4), np.float32), np.zeros(2, np.float32)
    take_frames(state, np.int64(1), boxes, scores)
    np.testing.assert_array_equal(boxes, [[1, 2, 3, 4], [np.nan] * 4, [5, 6, 7, 8]])
    assert scores.tolist() == [0.25, 0.5]
    counters = state.counters[0]
    assert places_of(state, counters["first_free"], counters["num_free"]) == [1, 0, 2]
