from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stma_d2.errors import InputError
from stma_d2.evaluation import (
    ERROR_KINDS,
    METRICS,
    PROTOCOLS,
    evaluate_tubelets,
    get_protocol,
    run_evaluation,
)
from stma_d2.evaluation.frame_map import judge_frames
from stma_d2.linking import link_tubelets
from stma_d2.structures import WindowTubelets

BOX, FAR = (0, 0, 19, 19), (200, 0, 219, 19)


# --- against numbers that MOC's own code gave ---


def test_golden_metrics(golden):
    metrics = evaluate_tubelets(golden.detections, golden.annotations, golden.videos)
    expected = golden.expected
    assert metrics["frame_mAP@0.5"] == pytest.approx(expected["frame_map_stable_f64"], abs=1e-6)
    for iou, value in expected["video_map_f64"].items():
        assert metrics[f"video_mAP@{iou}"] == pytest.approx(value, abs=1e-6)
    for name, figures in (("frame", "frame_ap_stable_f64"), ("video", "video_ap_0_5_f64")):
        for label, value in expected[figures].items():
            assert metrics[f"AP/{name}_mAP@0.5/{label}"] == pytest.approx(value, abs=1e-6)


def test_golden_tubes(golden):
    for video in golden.videos:
        num_frames = golden.annotations.videos[video].num_frames
        tubes = link_tubelets(golden.detections[video], num_frames)
        digest = golden.expected["tube_digest"][video]
        assert len(tubes) == digest["n"], video
        assert sum(map(len, tubes)) == digest["frames"], video
        total = sum(float(tube.boxes.sum(dtype=np.float64)) for tube in tubes)
        assert total == pytest.approx(digest["box_sum"], rel=1e-9), video
        assert sum(t.score for t in tubes) == pytest.approx(digest["score_sum"], rel=1e-9), video


def test_golden_frame_detections(golden):
    for video, digest in golden.expected["frame_detection_digest"].items():
        found = judge_frames(
            golden.detections, golden.annotations, [video], get_protocol("moc"), 0.5
        )
        assert sum(len(record.scores) for record in found) == digest["n"], video
        total = sum(float(record.scores.sum(dtype=np.float64)) for record in found)
        assert total == pytest.approx(digest["score_sum_after_soft_nms"], rel=1e-6), video


# --- against the rules as loops ---


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("K", "split", "seed"), [(7, 2, 11), (3, 3, 12), (1, 1, 13)])
def test_simulated_detections_match_the_loops(simulate, plain, protocol, K, split, seed):
    case = simulate("JHMDB-GT.pkl", split, 2, K, seed)
    metrics = evaluate_tubelets(case.detections, case.annotations, case.videos, protocol)
    expected = plain.evaluate(
        case.detections, case.annotations, case.videos, get_protocol(protocol)
    )
    assert metrics == pytest.approx(expected, abs=1e-9)


@st.composite
def small_cases(draw):
    """One to three videos, two classes, few distinct boxes and scores: ties are everywhere."""
    K = draw(st.sampled_from([1, 2, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([(0, 0.5), (0, 0.25, 0.5, 0.9)]))
    videos, detections = {}, {}
    for name in "uvw"[: draw(st.integers(1, 3))]:
        num_frames = int(rng.integers(1, 26))
        tubes = []
        for _ in range(rng.integers(0, 4)):
            first = int(rng.integers(1, num_frames + 1))
            x = 4 * int(rng.integers(0, 6))
            tubes.append((first, int(rng.integers(first, num_frames + 1)), x, rng.integers(2)))
        videos[name] = num_frames, tubes
        last = max(num_frames - K + 1, 1)
        windows = np.flatnonzero(rng.random(last) < 0.9) + 1
        x = 4 * rng.integers(0, 6, (1, 3, 1)) + rng.integers(0, 3, (len(windows), 3, K))
        boxes = np.stack([x, 0 * x, x + 19, 0 * x + 19], axis=-1).astype(np.float32)
        scores = rng.choice(levels, (len(windows), 3, 2)).astype(np.float32)
        if rng.random() < 0.9:
            detections[name] = WindowTubelets(windows, boxes, scores)
    videos["z"] = 20, [(1, 20, 0, 0)]
    return detections, videos


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=small_cases(), protocol=st.sampled_from(sorted(PROTOCOLS)))
def test_small_cases_match_the_loops_in_any_order(make, plain, case, protocol):
    detections, videos = case
    truth = make.annotate(
        "ab",
        **{
            name: (n, [make.tube(b, e, (x, 0, x + 19, 19), int(c)) for b, e, x, c in tubes])
            for name, (n, tubes) in videos.items()
        },
    )
    metrics = evaluate_tubelets(detections, truth, list(videos), protocol)
    expected = plain.evaluate(detections, truth, list(videos), get_protocol(protocol))
    assert metrics == pytest.approx(expected, abs=1e-9)
    assert all(0 <= value <= 100 for value in metrics.values())
    backwards = dict(reversed(detections.items()))
    assert metrics == evaluate_tubelets(backwards, truth, list(videos)[::-1], protocol)


def test_order_of_golden_videos_changes_nothing(golden):
    """On a part of the case, for speed."""
    videos = golden.videos[:10]
    shuffled = random.Random(0).sample(videos, len(videos))
    some = {video: golden.detections[video] for video in shuffled}
    first = evaluate_tubelets({v: some[v] for v in videos}, golden.annotations, videos)
    assert first == evaluate_tubelets(some, golden.annotations, shuffled)


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
