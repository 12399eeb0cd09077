from __future__ import annotations

import numpy as np

from stma_d2.evaluation import get_protocol
from stma_d2.evaluation.video_map import video_average_precision

BOX = (0, 0, 9, 9)


def test_average_precision_over_thresholds(make):
    """The tube covers 24 of the actor's 30 frames: overlap 0.8."""
    truth = make.annotate("ab", v=(30, [make.tube(1, 30, BOX)]))
    found = {"v": make.follow([make.tube(1, 24, BOX)], 30, K=5, C=2)}
    aps = video_average_precision(found, truth, ["v"], get_protocol("moc"), [0.5, 0.75, 0.85])
    assert aps[:, 0].tolist() == [1, 1, 0]
    assert np.isnan(aps[:, 1]).all(), "class b has no ground truth"
