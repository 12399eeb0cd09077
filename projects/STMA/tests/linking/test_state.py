from __future__ import annotations

import numpy as np
import pytest

from stma_d2.linking.state import empty_state, make_room


def free_places(state):
    """The chain of free places of the store."""
    place, places = int(state.counters[0]["first_free"]), []
    for _ in range(int(state.counters[0]["num_free"])):
        places.append(place)
        place = int(state.before[place])
    return places


@pytest.mark.parametrize(("max_gap", "needed"), [(2, 2 * 4 * 3), (5, 2 * 4 * 5)])
def test_room_is_made_for_all_that_a_window_can_bring(max_gap, needed):
    """2 classes, 4 tubelets of K = 3: each takes 3 frames, or as many as the gap that it closes."""
    state = make_room(empty_state(2, 3, max_gap), 6, max_tubelets=4)
    assert state.recent.shape == (max_gap + 1, 6, 3, 4)
    assert state.tubes.shape == (2, max_gap * 4)
    assert state.order.tolist() == [list(range(max_gap * 4))] * 2
    assert sorted(free_places(state)) == list(range(needed))


def test_state_with_room_stays_as_it_is():
    state = make_room(empty_state(2, 3, 3), 4, max_tubelets=10)
    again = make_room(state, 3, max_tubelets=10)
    assert all(one is two for one, two in zip(state, again, strict=True))


def test_more_room_keeps_what_was_there():
    state = make_room(empty_state(1, 1, 1), 2, max_tubelets=10)
    state.recent[1, 1] = 7
    state.order[0] = [1, 0]
    state.sums[:] = [[1], [2]]
    # Place 0 is taken, place 1 is free.
    state.counters[0] = (1, 1, 5, 9)
    state = make_room(state, 4, max_tubelets=10)
    assert state.order.tolist() == [[1, 0, 2, 3]]
    assert state.recent.shape == (2, 4, 1, 4) and state.recent[1, 1].tolist() == [[7] * 4]
    assert state.sums[:2, 0].tolist() == [1, 2]
    assert sorted(free_places(state)) == list(range(1, len(state.before)))
    assert state.counters[0][["next_id", "last_window"]].tolist() == (5, 9)
    assert np.all(state.before[free_places(state)[:-1]] > 0)
