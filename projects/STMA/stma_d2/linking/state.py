"""What a linker remembers, in arrays that compiled code can change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# A tube that can still grow. `last` is the first frame of its last tubelet, `slot` that tubelet's
# place in its window; `total` sums the scores of its `number` tubelets; `tail` is the place of its
# last frame in the store.
_TUBE = np.dtype(
    [
        ("id", np.int64),
        ("label", np.int64),
        ("first", np.int64),
        ("last", np.int64),
        ("slot", np.int64),
        ("number", np.int64),
        ("total", np.float64),
        ("mean", np.float64),
        ("tail", np.int64),
    ]
)
# First free place of the store, how many are free, id of the next tube, the last window.
_COUNTERS = np.dtype(
    [
        ("first_free", np.int64),
        ("num_free", np.int64),
        ("next_id", np.int64),
        ("last_window", np.int64),
    ]
)


class LinkerState(NamedTuple):
    """The live tubes, and the windows that their last tubelets are in.

    The frames of all live tubes share one store, each tube's a chain from its last frame
    backwards: so a tube grows without being copied, and its places are free again once it ends.

    Letters: G the largest gap, N tubelets of a window, K frames of a tubelet, C classes, L tubes of
    a class that can be live at once, F places of the store.
    """

    recent: np.ndarray  # (G + 1, N, K, 4) float32: boxes of window w at w % (G + 1)
    tubes: np.ndarray  # (C, L) of _TUBE
    order: np.ndarray  # (C, L) int64, places in `tubes`: of the live ones in order, then the free
    num_live: np.ndarray  # (C,) int64
    ended: np.ndarray  # (C * L,) of _TUBE: what ended in the last call
    sums: np.ndarray  # (F, 4) float32, of the boxes that a tube has on a frame
    counts: np.ndarray  # (F,) float32, how many these are
    scores: np.ndarray  # (F,) float32, of the tubelet that starts on the frame; NaN without one
    before: np.ndarray  # (F,) int64, place of the frame before; of free places the next free one
    counters: np.ndarray  # (1,) of _COUNTERS


def empty_state(num_classes: int, length: int, max_gap: int) -> LinkerState:
    """A linker that has seen nothing and has no room yet, for tubelets of ``length`` frames."""
    return LinkerState(
        recent=np.zeros((max_gap + 1, 0, length, 4), np.float32),
        tubes=np.zeros((num_classes, 0), _TUBE),
        order=np.zeros((num_classes, 0), np.int64),
        num_live=np.zeros(num_classes, np.int64),
        ended=np.zeros(0, _TUBE),
        sums=np.zeros((0, 4), np.float32),
        counts=np.zeros(0, np.float32),
        scores=np.zeros(0, np.float32),
        before=np.zeros(0, np.int64),
        counters=np.zeros(1, _COUNTERS),
    )


def make_room(state: LinkerState, slots: int, max_tubelets: int) -> LinkerState:
    """The state with room for whatever a window of ``slots`` tubelets may bring.

    Args:
        state: must not be used any more.
        slots: tubelets of the next window.
        max_tubelets: so many of them are linked, class by class.
    """
    num_classes, known = state.order.shape
    size, _, length, _ = state.recent.shape
    max_gap = size - 1
    if slots > state.recent.shape[1]:
        # The last tubelets of live tubes are all different, and at most max_gap windows old.
        tubes = max_gap * min(slots, max_tubelets)
        more = np.tile(np.arange(known, tubes), (num_classes, 1))
        state = state._replace(
            recent=_lengthen(state.recent, slots, axis=1),
            tubes=_lengthen(state.tubes, tubes, axis=1),
            order=np.concatenate([state.order, more], axis=1),
            ended=np.zeros(num_classes * tubes, _TUBE),
        )
    counters = state.counters[0]
    needed = num_classes * min(slots, max_tubelets) * max(max_gap, length)
    if needed > counters["num_free"]:
        frames = len(state.before)
        total = max(2 * frames, frames + needed)
        state = state._replace(
            sums=_lengthen(state.sums, total),
            counts=_lengthen(state.counts, total),
            scores=_lengthen(state.scores, total),
            before=np.concatenate([state.before, np.arange(frames + 1, total + 1)]),
        )
        # The new places stand in front of those that were free already.
        state.before[-1] = counters["first_free"]
        counters["first_free"] = frames
        counters["num_free"] += total - frames
    return state


def _lengthen(array: np.ndarray, length: int, axis: int = 0) -> np.ndarray:
    """The array with zeros behind it along ``axis``, up to ``length``."""
    shape = list(array.shape)
    shape[axis] = length - shape[axis]
    return np.concatenate([array, np.zeros(shape, array.dtype)], axis)
