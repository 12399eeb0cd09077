from __future__ import annotations

import numpy as np
import pytest

from stma_d2.evaluation import get_protocol
from stma_d2.evaluation.video_map import video_average_precision
from stma_d2.structures import Tube

BOX = (0, 0, 9, 9)


def test_average_precision_over_thresholds(make):
    """The tube covers 24 of the actor's 30 frames: overlap 0.8."""
    truth = make.annotate("ab", v=(30, [make.tube(1, 30, BOX)]))
    found = {"v": make.follow([make.tube(1, 24, BOX)], 30, K=5, C=2)}
    aps = video_average_precision(found, truth, ["v"], get_protocol("moc"), [0.5, 0.75, 0.85])
    assert aps[:, 0].tolist() == [1, 1, 0]
    assert np.isnan(aps[:, 1]).all(), "class b has no ground truth"


def test_finished_tubes_are_neither_linked_nor_suppressed(make):
    """Too short to be linked, two on one actor: the second is wrong, and halves the precision."""
    truth = make.annotate("a", u=(9, [make.tube(1, 9, BOX)]), v=(9, [make.tube(1, 9, BOX)]))
    first, second = make.tube(1, 9, BOX), make.tube(1, 9, BOX)
    found = {"u": [first, second], "v": [Tube(first.frames, first.boxes, 0, 0.5)]}
    ((moc,),) = video_average_precision(found, truth, ["u", "v"], get_protocol("moc"), [0.5])
    assert moc == pytest.approx(0.5 + 0.5 * (1 / 2 + 2 / 3) / 2)


def test_multisports_adds_no_frame(make):
    """10 of 20 frames are 9 of 19 between them; 11 of 21 are 10 of 20."""
    truth = make.annotate("a", v=(30, [make.tube(1, 20, BOX)]))

    def found(last, protocol):
        tubes = {"v": [make.tube(1, last, BOX)]}
        return video_average_precision(tubes, truth, ["v"], get_protocol(protocol), [0.5]).item()

    assert (found(10, "voc"), found(10, "multisports")) == (1, 0)
    truth = make.annotate("a", v=(30, [make.tube(1, 21, BOX)]))
    assert found(11, "multisports") == 1
