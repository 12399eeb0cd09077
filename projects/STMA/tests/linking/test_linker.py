"""MOC's linking rules one by one, K = 3 if not said otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stma_d2.errors import InputError
from stma_d2.linking import LinkingRules, Suppression, build_tubes, link_tubelets
from stma_d2.structures import Tubelets

K = 3
HERE, NEAR, AWAY = 0.0, 3.0, 200.0  # x of 20 x 20 boxes; HERE and NEAR overlap by 17 / 23


def tubelets(windows, num_classes=1, length=K):
    """``{window: [(x, score) or (x, score, class)]}`` as tubelets whose boxes stand still."""
    slots = max(map(len, windows.values()), default=0)
    boxes = np.zeros((len(windows), slots, length, 4), np.float32)
    scores = np.zeros((len(windows), slots, num_classes), np.float32)
    for row, window in enumerate(sorted(windows)):
        for slot, (x, score, *label) in enumerate(windows[window]):
            boxes[row, slot] = (x, 0, x + 19, 19)
            scores[row, slot, label[0] if label else 0] = score
    return Tubelets(np.array(sorted(windows), np.int64), boxes, scores)


def spans(tubes):
    return [(int(t.frames[0]), int(t.frames[-1])) for t in tubes]


def test_tensors_link_as_arrays_do():
    arrays = tubelets({w: [(HERE, 0.5)] for w in range(1, 19)})
    fields = (torch.from_numpy(field) for field in vars(arrays).values())
    (tube,) = link_tubelets(Tubelets(*fields), 20)
    (expected,) = link_tubelets(arrays, 20)
    assert tube.score == expected.score
    np.testing.assert_array_equal(tube.boxes, expected.boxes)


def test_steady_actor_gives_one_tube():
    windows = {w: [(HERE, 0.5 + 0.01 * w)] for w in range(1, 19)}
    (tube,) = link_tubelets(tubelets(windows), 20)
    assert tube.frames.tolist() == list(range(1, 21))
    assert tube.label == 0
    assert tube.score == pytest.approx(0.5 + 0.01 * 9.5)
    np.testing.assert_array_equal(tube.boxes, np.tile([HERE, 0, 19, 19], (20, 1)))


def test_box_is_the_mean_of_all_tubelets_on_the_frame():
    """Window w has x = w - 1: frame 1 sees x = 0, frame 2 sees 0 and 1, frame 3 sees 0, 1, 2."""
    windows = {w: [(w - 1.0, 0.5)] for w in range(1, 19)}
    (tube,) = link_tubelets(tubelets(windows), 20)
    assert tube.boxes[:4, 0].tolist() == [0, 0.5, 1, 2]
    assert tube.boxes[-2:, 0].tolist() == [16.5, 17]


def test_highest_score_is_taken_not_the_best_overlap():
    windows = {1: [(HERE, 0.5)], 2: [(HERE, 0.4), (NEAR + 6, 0.6)]}
    rules = dict(min_tube_length=1, min_overlap=0.3)
    tubes = link_tubelets(tubelets(windows), 4, **rules)
    assert [t.score for t in tubes] == pytest.approx([0.55, 0.4])


def test_strongest_tube_chooses_first():
    """Both tubes overlap both tubelets; the stronger one stands second."""
    none = Suppression(iou=1.0, soft=False)
    windows = {1: [(HERE, 0.3), (NEAR, 0.6)], 2: [(NEAR, 0.2), (HERE, 0.8)]}
    tubes = link_tubelets(tubelets(windows), 4, min_tube_length=1, tubelet_nms=none)
    assert [t.score for t in tubes] == pytest.approx([0.7, 0.25])


def test_overlap_counts_shared_frames_only():
    """Two windows apart with K = 3 share one frame, the last of the old, the first of the new."""
    found = tubelets({1: [(HERE, 0.5)], 3: [(AWAY, 0.5)]})
    found.boxes[1, 0, 0] = found.boxes[0, 0, -1]
    assert len(link_tubelets(found, 5, min_tube_length=1)) == 1
    found.boxes[0, 0, :-1] += 50
    assert len(link_tubelets(found, 5, min_tube_length=1)) == 1
    found.boxes[1, 0, 0] += 50
    assert len(link_tubelets(found, 5, min_tube_length=1)) == 2


def test_overlap_of_exactly_the_threshold_links():
    """20 x 20 boxes shifted by 10 in y and 0 in x would share 1 / 3; 10 x 20 in 20 x 20 is 0.5."""
    found = tubelets({1: [(HERE, 0.5)], 2: [(HERE, 0.5)]})
    found.boxes[1, :, :, 3] = 9
    assert len(link_tubelets(found, 4, min_tube_length=1)) == 1
    found.boxes[1, :, :, 3] = 8
    assert len(link_tubelets(found, 4, min_tube_length=1)) == 2


def test_gap_of_k_windows_is_bridged_and_leaves_no_frame_without_box():
    windows = {1: [(HERE, 0.5)], 1 + K: [(NEAR, 0.5)]}
    (tube,) = link_tubelets(tubelets(windows), 12, min_tube_length=1)
    assert spans([tube]) == [(1, 6)]
    assert tube.boxes[:, 0].tolist() == [HERE] * 3 + [NEAR] * 3


def test_gap_of_more_than_k_windows_ends_the_tube():
    windows = {1: [(HERE, 0.5)], 2 + K: [(HERE, 0.5)]}
    tubes = link_tubelets(tubelets(windows), 12, min_tube_length=1)
    assert spans(tubes) == [(1, 3), (5, 7)]


def test_longer_gap_is_filled_by_interpolation():
    """Frames 1-3 at 0, 6-8 at 3: frames 4 and 5 lie between, at 1 and 2."""
    windows = {1: [(HERE, 0.5)], 6: [(NEAR, 0.5)]}
    (tube,) = link_tubelets(tubelets(windows), 12, min_tube_length=1, max_gap=5)
    np.testing.assert_allclose(tube.boxes[:, 0], [0, 0, 0, 1, 2, 3, 3, 3], atol=1e-6)
    np.testing.assert_allclose(tube.boxes[:, 2] - tube.boxes[:, 0], 19, atol=1e-6)


def test_suppressed_duplicate_gets_a_negative_score_and_its_own_tube():
    """K boxes with IoU 17 / 23 each: factor 1 - 3 * 17 / 23."""
    windows = {w: [(HERE, 0.9), (NEAR, 0.5)] for w in (1, 2)}
    rules = dict(min_tube_length=1, min_tube_score=-10.0)
    tubes = link_tubelets(tubelets(windows), 4, **rules)
    assert [t.score for t in tubes] == pytest.approx([0.9, 0.5 * (1 - 3 * 17 / 23)], rel=1e-6)
    assert len(link_tubelets(tubelets(windows), 4, min_tube_length=1)) == 1


def test_only_the_best_tubelets_are_linked():
    windows = {1: [(100.0 * i, 0.1 + 0.01 * i) for i in range(12)]}
    tubes = link_tubelets(tubelets(windows), 3, min_tube_length=1)
    assert [t.score for t in tubes] == pytest.approx([0.21 - 0.01 * i for i in range(10)])


def test_short_and_weak_tubes_are_dropped():
    steady = {w: [(HERE, 0.5), (AWAY, 0.004)] for w in range(1, 13)}
    assert link_tubelets(tubelets(steady), 14) == []
    steady[13] = [(HERE, 0.5), (AWAY, 0.004)]
    assert spans(link_tubelets(tubelets(steady), 15)) == [(1, 15)]


def test_weak_tubelets_are_trimmed_where_asked():
    """Score falls below 0.1 after window 20: the tube ends with window 20's last frame."""
    windows = {w: [(HERE, 0.5 if w <= 20 else 0.05)] for w in range(1, 39)}
    assert spans(link_tubelets(tubelets(windows), 40)) == [(1, 40)]
    assert spans(link_tubelets(tubelets(windows), 40, min_tubelet_score=0.1)) == [(1, 22)]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(4, 24, (6, 26)), (1, 24, (1, 26)), (4, 36, (6, 40)), (1, 36, (1, 40)), (10, 10, (12, 12))],
)
def test_tubes_are_cut_back_to_key_frames_but_not_at_the_ends_of_the_video(first, last, expected):
    """K = 5: window w is about frame w + 2; window 24 reaches frame 28, window 36 the last, 40."""
    windows = {w: [(w - 1.0, 0.5)] for w in range(first, last + 1)}
    found = tubelets(windows, length=5)
    (whole,) = link_tubelets(found, 40, min_tube_length=1)
    (cut,) = link_tubelets(found, 40, min_tube_length=1, trim_to_key_frames=True)
    assert spans([whole, cut]) == [(first, last + 4), expected]
    inside = slice(expected[0] - first, expected[1] - first + 1)
    np.testing.assert_array_equal(cut.boxes, whole.boxes[inside])


def test_the_weak_ends_of_tubes_are_cut_off_by_their_own_median():
    """Scores rise from 0.2 to 0.8 and fall again; the median is 0.8, half of it 0.4."""
    scores = [0.2, 0.3, 0.5, *[0.8] * 9, 0.1, *[0.8] * 6, 0.4, 0.3]
    windows = {w: [(HERE, score)] for w, score in enumerate(scores, start=4)}
    (whole,) = link_tubelets(tubelets(windows), 40)
    (cut,) = link_tubelets(tubelets(windows), 40, trim_below_median=0.5)
    assert spans([whole, cut]) == [(4, 26), (6, 25)]  # windows 4 to 24, and 6 to 23; K = 3
    assert cut.score == pytest.approx((0.5 + 15 * 0.8 + 0.1 + 0.4) / 18)
    halved = {w: [(x, score / 2) for x, score in found] for w, found in windows.items()}
    assert spans(link_tubelets(tubelets(halved), 40, trim_below_median=0.5)) == [(6, 25)]


def test_what_is_left_of_a_tube_must_be_long_enough():
    windows = {w: [(HERE, 0.8 if w <= 14 else 0.2)] for w in range(1, 21)}
    rules = {"trim_below_median": 0.5, "min_tube_length": 17}
    assert spans(link_tubelets(tubelets(windows), 22, min_tube_length=17)) == [(1, 22)]
    assert link_tubelets(tubelets(windows), 22, **rules) == []  # frames 1 to 16 are left


def test_the_length_of_a_tube_counts_before_it_is_cut_back():
    windows = {w: [(HERE, 0.5)] for w in range(5, 18)}
    (tube,) = link_tubelets(tubelets(windows), 30, min_tube_length=15, trim_to_key_frames=True)
    assert spans([tube]) == [(6, 18)]


def test_classes_are_linked_apart_and_come_in_order():
    windows = {w: [(HERE, 0.5, 1), (HERE, 0.4, 0)] for w in range(1, 14)}
    tubes = link_tubelets(tubelets(windows, num_classes=3), 15)
    assert [(t.label, t.score) for t in tubes] == [
        (0, pytest.approx(0.4)),
        (1, pytest.approx(0.5)),
    ]


def test_ended_tubes_come_first_the_weakest_of_one_moment_leading():
    windows = {1: [(HERE, 0.3), (AWAY, 0.9), (400.0, 0.6)], 2: [(600.0, 0.5)], 8: [(800.0, 0.7)]}
    tubes = link_tubelets(tubelets(windows), 10, min_tube_length=1)
    assert [t.score for t in tubes] == pytest.approx([0.3, 0.6, 0.9, 0.5, 0.7])


def test_live_tubes_come_last_in_the_order_of_the_last_sort():
    """What starts at the final window stands behind the rest; else the final sort includes it."""
    windows = {1: [(HERE, 0.3)], 2: [(AWAY, 0.9)]}
    tubes = link_tubelets(tubelets(windows), 4, min_tube_length=1)
    assert [t.score for t in tubes] == pytest.approx([0.3, 0.9])
    tubes = link_tubelets(tubelets(windows), 5, min_tube_length=1)
    assert [t.score for t in tubes] == pytest.approx([0.9, 0.3])


def test_frames_beyond_a_short_video_are_dropped():
    (tube,) = link_tubelets(tubelets({1: [(HERE, 0.5)]}), 2, min_tube_length=1)
    assert tube.frames.tolist() == [1, 2] and tube.boxes.shape == (2, 4)


def test_window_outside_the_video_is_refused():
    with pytest.raises(InputError, match="window 9 .* 10 frames.*1 to 8"):
        link_tubelets(tubelets({9: [(HERE, 0.5)]}), 10)
    with pytest.raises(InputError, match="window 0 .* from 1 on"):
        link_tubelets(tubelets({0: [(HERE, 0.5)]}), 10)


def test_unknown_rule_is_refused():
    with pytest.raises(TypeError, match="min_iou"):
        link_tubelets(tubelets({1: [(HERE, 0.5)]}), 10, min_iou=0.5)


@pytest.mark.parametrize("windows", [{}, {1: []}, {1: [(HERE, 0.0)], 2: [(HERE, 0.0)]}])
def test_nothing_detected_gives_no_tubes(windows):
    assert link_tubelets(tubelets(windows), 10) == []


def test_tubelets_of_one_frame():
    windows = {w: [(HERE, 0.5)] for w in (1, 2, 3, 5)}
    tubes = link_tubelets(tubelets(windows, length=1), 10, min_tube_length=1)
    assert spans(tubes) == [(1, 3), (5, 5)]


def test_built_tubes_are_linked_and_suppressed():
    """Two tubelets on one actor: the weaker tube goes; without tube NMS both stay."""
    both = tubelets({w: [(HERE, 0.5), (HERE, 0.9)] for w in range(1, 19)})
    rules = LinkingRules(tubelet_nms=Suppression(iou=1.0, soft=False))
    assert [t.score for t in build_tubes(both, 20, rules, 0.3)] == pytest.approx([0.9])
    assert [t.score for t in build_tubes(both, 20, rules, 1.0)] == pytest.approx([0.9, 0.5])
