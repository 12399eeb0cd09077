"""Tube."""

from __future__ import annotations

import numpy as np

from stma_d2.structures import Tube


def test_the_box_of_a_frame_and_none_outside():
    tube = Tube(np.arange(5, 8), np.arange(12, dtype=np.float32).reshape(3, 4), label=2)
    assert len(tube) == 3
    assert tube.box_at(5).tolist() == [0, 1, 2, 3]
    assert tube.box_at(7).tolist() == [8, 9, 10, 11]
    assert tube.box_at(4) is None
    assert tube.box_at(8) is None
    assert Tube(np.zeros(0, np.int64), np.zeros((0, 4), np.float32), 0).box_at(1) is None
