from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stma_d2.errors import InputError
from stma_d2.evaluation import (
    ERROR_KINDS,
    METRICS,
    PROTOCOLS,
    evaluate_tubelets,
    get_protocol,
    run_evaluation,
    score,
)
from stma_d2.evaluation.frame_boxes import FrameBoxes
from stma_d2.structures import Tube, TubeAnnotations, Tubelets

BOX, FAR = (0, 0, 19, 19), (200, 0, 219, 19)


# --- what must hold ---


@st.composite
def scenes(draw):
    """Truth of up to three videos, where up to four actors keep to lanes of their own, and K."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    videos = {}
    for name in "uvw"[: draw(st.integers(1, 3))]:
        num_frames = int(rng.integers(15, 46))
        tubes = []
        for lane in range(rng.integers(0 if videos else 1, 5)):
            first = int(rng.integers(1, num_frames - 13))
            last = int(rng.integers(first + 14, num_frames + 1))
            box = np.array([60 * lane, 0, 60 * lane + rng.integers(10, 40), 30], np.float32)
            frames = np.arange(first, last + 1)
            tubes.append(Tube(frames, np.tile(box, (len(frames), 1)), int(rng.integers(3))))
        videos[name] = num_frames, tubes
    return rng, videos, draw(st.sampled_from([1, 3, 5]))


def detect(make, rng, videos, K):
    """Noisy detections of the actors in all windows, some of the wrong class; no equal scores."""
    detections = {}
    for name, (num_frames, tubes) in videos.items():
        found = make.follow(tubes, num_frames, K, 3)
        found.boxes[:] += rng.integers(-8, 9, found.boxes.shape)
        ranks = 1 + rng.permutation(found.scores.size).reshape(found.scores.shape)
        proposed = (found.scores > 0) | (rng.random(found.scores.shape) < 0.2)
        found.scores[:] = np.where(proposed, 0.1 + 0.9 * ranks / found.scores.size, 0)
        detections[name] = found
    return detections


protocols = st.sampled_from(sorted(PROTOCOLS))


@settings(max_examples=40, deadline=None)
@given(scene=scenes(), protocol=protocols)
def test_perfect_detections_score_100(make, scene, protocol):
    _, videos, K = scene
    found = {name: make.follow(tubes, n, K, 3) for name, (n, tubes) in videos.items()}
    metrics = evaluate_tubelets(found, make.annotate("abc", **videos), list(videos), protocol)
    assert list(metrics.values()) == pytest.approx([100] * len(metrics))


@settings(max_examples=40, deadline=None)
@given(scene=scenes(), protocol=protocols)
def test_lower_scored_false_positive_never_helps(make, scene, protocol):
    """One more tubelet, far from everybody, below all others, for some windows and one class."""
    rng, videos, K = scene
    truth = make.annotate("abc", **videos)
    before = detect(make, rng, videos, K)
    label = rng.integers(3)
    after = {}
    for name, found in before.items():
        count = len(found.windows)
        boxes = np.tile(np.array([900, 0, 930, 30], np.float32), (count, 1, K, 1))
        scores = np.zeros((count, 1, 3), np.float32)
        scores[rng.random(count) < 0.7, 0, label] = 0.05
        after[name] = Tubelets(
            found.windows,
            np.concatenate([found.boxes, boxes], axis=1),
            np.concatenate([found.scores, scores], axis=1),
        )
    plain = evaluate_tubelets(before, truth, list(videos), protocol)
    more = evaluate_tubelets(after, truth, list(videos), protocol)
    assert all(0 <= more[key] <= plain[key] + 1e-9 <= 100 + 2e-9 for key in plain)


@settings(max_examples=40, deadline=None)
@given(scene=scenes(), protocol=protocols)
def test_order_of_slots_classes_and_videos_changes_nothing(make, scene, protocol):
    rng, videos, K = scene
    detections = detect(make, rng, videos, K)
    metrics = evaluate_tubelets(detections, make.annotate("abc", **videos), list(videos), protocol)
    order = rng.permutation(3)  # new label i is old label order[i]
    relabelled = {
        name: (n, [Tube(t.frames, t.boxes, order.tolist().index(t.label)) for t in tubes])
        for name, (n, tubes) in reversed(videos.items())
    }
    names = "".join("abc"[i] for i in order)
    shuffled = {}
    for name in relabelled:
        found = detections[name]
        slots = rng.permuted(
            np.tile(np.arange(found.boxes.shape[1]), (len(found.windows), 1)), axis=1
        )
        shuffled[name] = Tubelets(
            found.windows,
            np.take_along_axis(found.boxes, slots[..., None, None], axis=1),
            np.take_along_axis(found.scores, slots[..., None], axis=1)[..., order],
        )
    again = evaluate_tubelets(
        shuffled, make.annotate(names, **relabelled), list(relabelled), protocol
    )
    assert again == pytest.approx(metrics, abs=1e-9)


def test_tensors_count_as_arrays_do(make):
    tubes = [make.tube(1, 20, BOX)]
    truth = make.annotate("abc", v=(20, tubes))
    arrays = make.follow(tubes, 20, 5, 3)
    tensors = Tubelets(*(torch.from_numpy(field) for field in vars(arrays).values()))
    expected = evaluate_tubelets({"v": arrays}, truth, ["v"])
    assert evaluate_tubelets({"v": tensors}, truth, ["v"]) == expected


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
    assert run_evaluation(found, truth, ["u", "u"], get_protocol("moc")).num_videos == 1


def test_trimming_by_score_acts_on_tubes_only(make):
    """From frame 21 on the scores are weak: without the trim the tube covers 40 frames of 20."""
    truth = make.annotate("a", v=(40, [make.tube(1, 20, BOX)]))
    found = make.follow([make.tube(1, 40, BOX)], 40, 5, 1)
    found.scores[found.windows > 16] = 0.05
    plain = evaluate_tubelets({"v": found}, truth, ["v"])
    trimmed = evaluate_tubelets({"v": found}, truth, ["v"], min_tubelet_score=0.1)
    assert (plain["video_mAP@0.75"], trimmed["video_mAP@0.75"]) == (0, 100)
    assert plain["frame_mAP@0.5"] == trimmed["frame_mAP@0.5"] > 0


def test_trimming_to_key_frames_acts_on_tubes_only(make):
    """The tube covers 24 frames, the actor the 20 in the middle: 20 / 24, and all of them cut."""
    truth = make.annotate("a", v=(40, [make.tube(7, 26, BOX)]))
    found = {"v": make.follow([make.tube(5, 28, BOX)], 40, 5, 1)}
    plain = evaluate_tubelets(found, truth, ["v"])
    trimmed = evaluate_tubelets(found, truth, ["v"], trim_to_key_frames=True)
    # Overlaps of 0.5 to 0.8 are reached: 7 of 10.
    assert plain["video_mAP@0.5:0.95"] == pytest.approx(70)
    assert trimmed["video_mAP@0.5:0.95"] == 100
    assert plain["frame_mAP@0.5"] == trimmed["frame_mAP@0.5"] > 0


def test_evaluation_record_holds_errors_and_protocol(make):
    truth = make.annotate("ab", v=(20, [make.tube(1, 20, BOX)]))
    evaluation = run_evaluation({}, truth, ["v"], get_protocol("act"))
    assert evaluation.errors == {"a": dict.fromkeys(ERROR_KINDS, 0.0) | {"missed": 100.0}}
    assert evaluation.mean_errors["missed"] == 100
    assert evaluation.protocol.name == "act"


# --- degenerate detections ---


@pytest.mark.parametrize(
    ("field", "place", "value", "message"),
    [
        ("boxes", (6, 0, 0, 0), np.nan, "window 7 has a box"),
        ("boxes", (6, 0, 1, 3), np.inf, "window 7 has a box"),
        ("scores", (2, 0, 0), np.nan, "window 3 has a score"),
    ],
)
def test_what_is_not_finite_is_named(make, field, place, value, message):
    truth = make.annotate("a", v=(20, [make.tube(1, 20, BOX)]))
    found = make.follow([make.tube(1, 20, BOX)], 20, 5, 1)
    getattr(found, field)[place] = value
    with pytest.raises(InputError, match=f"v: {message} that is NaN or infinite"):
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


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_video_without_detections_counts_as_missed_however_that_is_said(make, protocol):
    """Two actors of a, one in each video: half is found. Absent, empty and zero are the same."""
    actor = make.tube(1, 20, BOX)
    truth = make.annotate("a", u=(20, [actor]), v=(20, [actor]))
    found = make.follow([actor], 20, 5, 1)
    zeros = Tubelets(found.windows, found.boxes, 0 * found.scores)
    no_slots = Tubelets(found.windows, found.boxes[:, :0], found.scores[:, :0])
    for nothing in ({}, {"v": zeros}, {"v": found[:0]}, {"v": no_slots}):
        metrics = evaluate_tubelets({"u": found, **nothing}, truth, ["u", "v"], protocol)
        assert set(metrics.values()) == {50.0}
        alone = evaluate_tubelets(nothing, truth, ["u", "v"], protocol)
        assert set(alone.values()) == {0.0}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_detections_of_a_class_without_ground_truth_change_nothing(make, protocol):
    actor = make.tube(1, 20, BOX)
    truth = make.annotate("ab", v=(20, [actor]))
    found = make.follow([actor, make.tube(1, 20, FAR)], 20, 5, 2)
    found.scores[:, 0, 1] = found.scores[:, 1, 1] = 0.99
    found.scores[:, 1, 0] = 0
    metrics = evaluate_tubelets({"v": found}, truth, ["v"], protocol)
    assert len(metrics) == 2 * len(PROTOCOLS[protocol].metrics)
    assert set(metrics.values()) == {100.0}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "box",
    [
        (0, 0, -1, 19),  # no width
        (0, 19, 19, 0),  # upside down: a negative area
        (19, 19, 0, 0),  # both: a positive one
        (5, 5, 4, 4),
        (-1e6, -1e6, -1e6, -1e6),
        (0, 0, 1e15, 1e15),
    ],
)
def test_boxes_of_any_shape_give_a_number(make, protocol, box):
    """They find nothing and warn of nothing; the good tubelets beside them are found."""
    truth = make.annotate("a", v=(20, [make.tube(1, 20, BOX)]))
    odd = make.tube(1, 20, box)
    with np.errstate(all="raise"):
        alone = evaluate_tubelets({"v": make.follow([odd, odd], 20, 5, 1)}, truth, ["v"], protocol)
        found = make.follow([odd, odd, make.tube(1, 20, BOX)], 20, 5, 1)
        found.scores[:, :2] = 0.1
        beside = evaluate_tubelets({"v": found}, truth, ["v"], protocol)
    assert set(alone.values()) == {0.0}
    assert list(beside.values()) == pytest.approx([100.0] * len(beside))


# --- multisports, and finished boxes and tubes ---

LEFT_OUT = "basketball save"


def relabelled(annotations, *labels):
    return TubeAnnotations(labels, annotations.videos, annotations.splits)


def test_multisports_leaves_six_classes_out(make):
    """The class that is found counts for nothing; the other one is missed."""
    truth = make.annotate("ab", v=(20, [make.tube(1, 20, BOX), make.tube(1, 20, FAR, 1)]))
    truth = relabelled(truth, LEFT_OUT, "basketball pass")
    found = {"v": make.follow([make.tube(1, 20, BOX)], 20, 5, 2)}
    assert set(evaluate_tubelets(found, truth, ["v"], "voc").values()) == {50, 100, 0}
    evaluation = run_evaluation(found, truth, ["v"], get_protocol("multisports"))
    assert set(evaluation.flat().values()) == {0} and evaluation.errors.keys() == {
        "basketball pass"
    }
    truth = relabelled(truth, LEFT_OUT, "basketball jump ball")
    with pytest.raises(InputError, match="no ground truth of the classes .* multisports"):
        evaluate_tubelets(found, truth, ["v"], "multisports")


def test_multisports_averages_over_its_ranges(make):
    """Frames 1-10 of 1-12, 9 / 11 = 0.82: all of 0.05-0.45, 8 of 0.1-0.9, 7 of 0.5-0.95."""
    truth = make.annotate("a", v=(20, [make.tube(1, 12, BOX)]))
    tubes = {"v": [make.tube(1, 10, BOX)]}
    evaluation = score(None, tubes, truth, ["v"], get_protocol("multisports"))
    assert evaluation.means == pytest.approx(
        {
            "video_mAP@0.2": 100,
            "video_mAP@0.5": 100,
            "video_mAP@0.05:0.45": 100,
            "video_mAP@0.10:0.90": 100 * 8 / 9,
            "video_mAP@0.50:0.95": 70,
        }
    )
    assert evaluation.errors == evaluation.mean_errors == {}


def test_multisports_takes_the_envelope_of_precision(make):
    """Wrong, then right, of one: the trapezoid is a quarter, the envelope a half."""
    truth = make.annotate("a", v=(1, [make.tube(1, 1, BOX)]))
    boxes = {
        "v": FrameBoxes(
            np.array([1, 1]), np.array([0, 0]), np.array([0.9, 0.8]), np.float32([FAR, BOX])
        )
    }
    for protocol, expected in (("moc", 25), ("multisports", 50)):
        evaluation = score(boxes, None, truth, ["v"], get_protocol(protocol))
        assert evaluation.means == {"frame_mAP@0.5": expected}
