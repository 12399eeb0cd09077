"""Linking and metrics as a whole: against figures of MOC's own code and against the loops."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stma_d2.evaluation import PROTOCOLS, evaluate_tubelets, get_protocol, run_evaluation
from stma_d2.evaluation.frame_map import classify_detections
from stma_d2.evaluation.video_map import video_average_precision
from stma_d2.linking import link_tubelets
from stma_d2.structures import Tubelets

# Short, and with several actors at once, one after another, or in part.
UCF_VIDEOS = [
    "Fencing/v_Fencing_g03_c04",
    "VolleyballSpiking/v_VolleyballSpiking_g01_c01",
    "WalkingWithDog/v_WalkingWithDog_g04_c01",
]


# --- against figures that MOC's own code gave ---


@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_golden_metrics_whatever_the_order_of_videos(golden, order):
    videos, detections = golden.videos, golden.detections
    if order == "shuffled":
        videos = random.Random(0).sample(videos, len(videos))
        detections = {video: detections[video] for video in reversed(videos)}
        assert list(detections) != videos != golden.videos
    metrics = evaluate_tubelets(detections, golden.annotations, videos)
    expected = golden.expected
    assert metrics["frame_mAP@0.5"] == pytest.approx(expected["frame_map_stable_f64"], abs=1e-6)
    assert len(expected["video_map_f64"]) == 4
    for iou, value in expected["video_map_f64"].items():
        assert metrics[f"video_mAP@{iou}"] == pytest.approx(value, abs=1e-6)
    for name, figures in (("frame", "frame_ap_stable_f64"), ("video", "video_ap_0_5_f64")):
        assert list(expected[figures]) == list(golden.annotations.labels)
        for label, value in expected[figures].items():
            assert metrics[f"AP/{name}_mAP@0.5/{label}"] == pytest.approx(value, abs=1e-6)


def test_golden_video_map_at_every_overlap(golden):
    each = golden.expected["video_map_f64_each"]
    values = video_average_precision(
        golden.detections,
        golden.annotations,
        sorted(golden.videos),
        get_protocol("moc"),
        [0.5 + 0.05 * i for i in range(10)],
    )
    assert (100 * values.mean(axis=1)).tolist() == pytest.approx(list(each.values()), abs=1e-6)
    assert list(each) == [f"{0.5 + 0.05 * i:.2f}" for i in range(10)]


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
        found = classify_detections(
            golden.detections, golden.annotations, [video], get_protocol("moc"), 0.5
        )
        assert sum(len(record.scores) for record in found) == digest["n"], video
        total = sum(float(record.scores.sum(dtype=np.float64)) for record in found)
        assert total == pytest.approx(digest["score_sum_after_soft_nms"], rel=1e-6), video


# --- against the rules as loops ---


def check_against_loops(plain, detections, annotations, videos, protocol):
    """All metrics and all shares of the error analysis; returns the metrics."""
    rules = get_protocol(protocol)
    evaluation = run_evaluation(detections, annotations, videos, rules)
    metrics = evaluation.flat()
    expected = plain.evaluate(detections, annotations, videos, rules)
    assert metrics == pytest.approx(expected, abs=1e-9)
    lost = plain.error_analysis(detections, annotations, videos, rules)
    assert evaluation.errors.keys() == lost.keys()
    for label, shares in lost.items():
        assert evaluation.errors[label] == pytest.approx(shares, abs=1e-9), label
    return metrics


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("ground_truth", "split", "videos", "K", "seed"),
    [
        ("JHMDB-GT.pkl", 2, 2, 7, 11),
        ("JHMDB-GT.pkl", 3, 2, 3, 12),
        ("JHMDB-GT.pkl", 1, 2, 1, 13),
        ("UCF101v2-GT.pkl", 1, UCF_VIDEOS, 3, 14),
    ],
)
def test_simulated_detections_match_the_loops(
    simulate, plain, protocol, ground_truth, split, videos, K, seed
):
    case = simulate(ground_truth, split, videos, K, seed)
    metrics = check_against_loops(plain, case.detections, case.annotations, case.videos, protocol)
    assert metrics["frame_mAP@0.5"] > 5, "a comparison of something"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("levels", [[0.5], [0.25, 0.5, 0.75]])
def test_equal_scores_and_coarse_boxes_match_the_loops(simulate, plain, protocol, levels):
    """One score for all, then three; boxes on a grid of 16 pixels: ties in every comparison."""
    case = simulate("UCF101v2-GT.pkl", 1, UCF_VIDEOS[1:2], 3, 15)
    detections = {}
    for video, found in case.detections.items():
        drawn = np.random.default_rng(0).choice(levels, found.scores.shape)
        detections[video] = Tubelets(
            found.windows, 16 * (found.boxes // 16), np.where(found.scores > 0, drawn, 0)
        )
    check_against_loops(plain, detections, case.annotations, case.videos, protocol)


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
            detections[name] = Tubelets(windows, boxes, scores)
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
    metrics = check_against_loops(plain, detections, truth, list(videos), protocol)
    assert all(0 <= value <= 100 for value in metrics.values())
    backwards = dict(reversed(detections.items()))
    assert metrics == evaluate_tubelets(backwards, truth, list(videos)[::-1], protocol)
