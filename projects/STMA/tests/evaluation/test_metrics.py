from __future__ import annotations

import numpy as np
import pytest

from stma_d2.errors import InputError
from stma_d2.evaluation import (
    ERROR_KINDS,
    METRICS,
    PROTOCOLS,
    evaluate_tubelets,
    run_evaluation,
)
from stma_d2.structures import WindowTubelets

BOX, FAR = (0, 0, 19, 19), (200, 0, 219, 19)


# --- what must hold ---


def test_perfect_detections_of_a_real_data_set_score_100(shared, make):
    from stma_d2.data import load_annotations

    path = shared / "gt" / "JHMDB-GT.pkl"
    if not path.is_file():
        pytest.skip(f"ground truth not found at {path}")
    truth = load_annotations(path)
    videos = truth.splits[0].test
    found = {
        v: make.follow(list(truth.videos[v].tubes), truth.videos[v].num_frames, 5, 21)
        for v in videos
    }
    for protocol in PROTOCOLS:
        metrics = evaluate_tubelets(found, truth, videos, protocol)
        assert len(metrics) == 5 * (1 + 21)
        assert list(metrics.values()) == pytest.approx([100] * len(metrics))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_lower_scored_false_positive_never_helps(make, protocol):
    truth = make.annotate("ab", v=(40, [make.tube(1, 30, BOX), make.tube(5, 40, BOX, 1)]))
    found = make.follow([make.tube(1, 25, BOX), make.tube(1, 40, FAR)], 40, 5, 2)
    found.scores[:, 1:] = 0
    before = evaluate_tubelets({"v": found}, truth, ["v"], protocol)
    found.scores[:, 1, 0] = 0.3
    after = evaluate_tubelets({"v": found}, truth, ["v"], protocol)
    assert before["frame_mAP@0.5"] > 0
    assert all(after[key] <= before[key] + 1e-9 for key in before)


def test_names_and_means(make):
    """Means are over classes with ground truth, the others have no entry."""
    truth = make.annotate("abc", v=(20, [make.tube(1, 20, BOX), make.tube(1, 20, FAR, 2)]))
    found = {"v": make.follow([make.tube(1, 20, BOX)], 20, 5, 3)}
    metrics = evaluate_tubelets(found, truth, ["v"])
    assert metrics == {
        **{metric: 50.0 for metric in METRICS},
        **{f"AP/{metric}/a": 100.0 for metric in METRICS},
        **{f"AP/{metric}/c": 0.0 for metric in METRICS},
    }
    assert METRICS == (
        "frame_mAP@0.5",
        "video_mAP@0.2",
        "video_mAP@0.5",
        "video_mAP@0.75",
        "video_mAP@0.5:0.95",
    )


def test_videos_not_asked_for_are_left_out(make):
    actor = make.tube(1, 20, BOX)
    truth = make.annotate("a", u=(20, [actor]), v=(20, [actor]))
    found = {"u": make.follow([actor], 20, 5, 1), "v": make.follow([actor], 20, 5, 1)}
    assert evaluate_tubelets(found, truth, ["u"])["frame_mAP@0.5"] == 100
    assert run_evaluation(found, truth, ["u", "u"]).num_videos == 1


def test_trimming_acts_on_tubes_only(make):
    """From frame 21 on the scores are weak: without the trim the tube covers 40 frames of 20."""
    truth = make.annotate("a", v=(40, [make.tube(1, 20, BOX)]))
    found = make.follow([make.tube(1, 40, BOX)], 40, 5, 1)
    found.scores[found.windows > 16] = 0.05
    plain = evaluate_tubelets({"v": found}, truth, ["v"])
    trimmed = evaluate_tubelets({"v": found}, truth, ["v"], min_tubelet_score=0.1)
    assert (plain["video_mAP@0.75"], trimmed["video_mAP@0.75"]) == (0, 100)
    assert plain["frame_mAP@0.5"] == trimmed["frame_mAP@0.5"] > 0


def test_evaluation_record_holds_errors_and_protocol(make):
    truth = make.annotate("ab", v=(20, [make.tube(1, 20, BOX)]))
    evaluation = run_evaluation({}, truth, ["v"], "act")
    assert evaluation.errors == {"a": dict.fromkeys(ERROR_KINDS, 0.0) | {"missed": 100.0}}
    assert evaluation.mean_errors["missed"] == 100
    assert evaluation.protocol.name == "act"


# --- degenerate detections ---


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_detections_at_all(make, protocol):
    truth = make.annotate("a", u=(20, [make.tube(1, 20, BOX)]), v=(20, []))
    none = WindowTubelets(np.empty(0), np.empty((0, 3, 5, 4)), np.empty((0, 3, 1)))
    empty = WindowTubelets(np.array([1]), np.empty((1, 0, 5, 4)), np.empty((1, 0, 1)))
    for found in ({}, {"u": none}, {"u": empty}, {"v": none, "u": empty}):
        metrics = evaluate_tubelets(found, truth, ["u", "v"], protocol)
        assert set(metrics.values()) == {0.0}


def test_boxes_of_one_pixel(make):
    pixel = make.tube(1, 20, (7, 7, 7, 7))
    truth = make.annotate("a", v=(20, [pixel]))
    assert set(evaluate_tubelets({"v": make.follow([pixel], 20, 5, 1)}, truth, "v").values()) == {
        100.0
    }


def test_boxes_turned_inside_out_find_nothing(make):
    truth = make.annotate("a", v=(20, [make.tube(1, 20, BOX)]))
    found = {"v": make.follow([make.tube(1, 20, (9, 9, 8, 8))], 20, 5, 1)}
    with np.errstate(all="raise"):
        assert set(evaluate_tubelets(found, truth, "v").values()) == {0.0}


@pytest.mark.parametrize(("field", "value"), [("boxes", np.nan), ("boxes", np.inf)])
@pytest.mark.parametrize("rest", [(0, 0, 0), (0, 1, 3)])
def test_box_that_is_not_finite_is_named(make, field, value, rest):
    truth = make.annotate("a", v=(20, [make.tube(1, 20, BOX)]))
    found = make.follow([make.tube(1, 20, BOX)], 20, 5, 1)
    found.boxes[(6, *rest)] = value
    with pytest.raises(InputError, match=r"v: window 7 has a box that is NaN or infinite"):
        evaluate_tubelets({"v": found}, truth, ["v"])


def test_score_that_is_not_finite_is_named(make):
    truth = make.annotate("a", v=(20, [make.tube(1, 20, BOX)]))
    found = make.follow([make.tube(1, 20, BOX)], 20, 5, 1)
    found.scores[2] = np.nan
    with pytest.raises(InputError, match=r"v: window 3 has a score"):
        evaluate_tubelets({"v": found}, truth, ["v"])


def test_detections_that_do_not_fit_the_annotations_are_refused(make):
    actor = make.tube(1, 20, BOX)
    truth = make.annotate("ab", u=(20, [actor]), v=(20, [actor]), w=(20, []))
    good = make.follow([actor], 20, 5, 2)
    cases = {
        r"'x'": {"x": good},
        r"v: scores for 3 classes.* 2": {"v": make.follow([actor], 20, 5, 3)},
        r"v span 7 frames, those of u 5": {"u": good, "v": make.follow([actor], 20, 7, 2)},
        r"v: window 17 lies outside": {"v": make.follow([actor], 21, 5, 2)},
    }
    for message, found in cases.items():
        with pytest.raises(InputError, match=message):
            evaluate_tubelets(found, truth, ["u", "v"])
    with pytest.raises(InputError, match="'y'"):
        evaluate_tubelets({"u": good}, truth, ["u", "y"])
    with pytest.raises(InputError, match="no ground truth"):
        evaluate_tubelets({"w": good}, truth, ["w"])
    with pytest.raises(InputError, match="no ground truth"):
        evaluate_tubelets({}, truth, [])
