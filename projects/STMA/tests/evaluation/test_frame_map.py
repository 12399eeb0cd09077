"""Frame detections and their outcomes by hand: K = 1, so that a tubelet is a box on one frame."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.evaluation import get_protocol
from stma_d2.evaluation.frame_boxes import FrameBoxes
from stma_d2.evaluation.frame_map import Outcome, classify_detections
from stma_d2.structures import Tubelets

BOX = (0, 0, 9, 9)
CLOSE = (1, 0, 10, 9)  # IoU 9 / 11 with BOX
LOOSE = (6, 0, 15, 9)  # IoU 4 / 16 with BOX
FAR = (100, 0, 109, 9)


def on_frames(frames, num_classes=2):
    """``{frame: [(box, score, class)]}`` as tubelets of one frame."""
    slots = max(map(len, frames.values()))
    boxes = np.zeros((len(frames), slots, 1, 4), np.float32)
    scores = np.zeros((len(frames), slots, num_classes), np.float32)
    for row, frame in enumerate(sorted(frames)):
        for slot, (box, score, label) in enumerate(frames[frame]):
            boxes[row, slot, 0], scores[row, slot, label] = box, score
    return Tubelets(np.array(sorted(frames)), boxes, scores)


def classify(frames, annotations, protocol="moc"):
    return classify_detections(
        {"v": on_frames(frames)}, annotations, ["v"], get_protocol(protocol), 0.5
    )


def test_each_outcome(make):
    """Class a stands on frames 1-2, b on frame 3, nothing on frame 4; c is never annotated."""
    truth = make.annotate("abc", v=(4, [make.tube(1, 2, BOX), make.tube(3, 3, BOX, 1)]))
    frames = {
        1: [(BOX, 0.9, 0), (LOOSE, 0.8, 0), (CLOSE, 0.7, 1), (FAR, 0.6, 1), (BOX, 0.5, 2)],
        3: [(BOX, 0.4, 0), (FAR, 0.3, 0)],
        4: [(BOX, 0.2, 0), (BOX, 0.1, 2)],
    }
    found = {"v": on_frames(frames, num_classes=3)}
    a, b, c = classify_detections(found, truth, ["v"], get_protocol("moc"), 0.5)
    assert a.outcomes.tolist() == [
        Outcome.CORRECT,
        Outcome.LOCALIZATION,
        Outcome.CLASSIFICATION,  # on b
        Outcome.OTHER,  # frame 3 is annotated, but not there
        Outcome.TIMING,  # nothing on frame 4, but a occurs in the video
    ]
    assert b.outcomes.tolist() == [Outcome.CLASSIFICATION, Outcome.OTHER]
    assert c.outcomes.tolist() == [Outcome.CLASSIFICATION, Outcome.OTHER]
    assert (a.num_boxes, b.num_boxes, c.num_boxes) == (2, 1, 0)
    assert np.isnan(c.average_precision("trapezoid"))


def test_average_precision_counts_frames_without_annotation(make):
    """One of two boxes found; a better-scored detection on the empty frame 3 is wrong.

    Precision 1, 0, 1/2 at recall 0, 0, 1/2: 1/2 * (0 + 1/2) / 2 = 0.125.
    """
    truth = make.annotate("ab", v=(3, [make.tube(1, 2, BOX)]))
    frames = {1: [(BOX, 0.5, 0)], 3: [(BOX, 0.9, 0)]}
    assert classify(frames, truth)[0].average_precision("trapezoid") == 0.125
    (voc, _) = classify(frames, truth, "voc")
    assert voc.outcomes.tolist() == [Outcome.CORRECT]
    assert voc.average_precision("envelope") == 0.5


def test_boxes_of_all_windows_meet_on_a_frame(make):
    """K = 2, two windows: frame 2 has both; the weaker (IoU 9 / 11) drops to 2 / 11 of its score.

    The factor is taken on the frames where the boxes meet, not on the others.
    """
    boxes = np.array([[[BOX, BOX]], [[CLOSE, CLOSE]]], np.float32)
    found = Tubelets(np.array([1, 2]), boxes, np.array([[[0.8]], [[0.55]]], np.float32))
    truth = make.annotate("a", v=(3, [make.tube(1, 3, BOX)]))
    (soft,) = classify_detections({"v": found}, truth, ["v"], get_protocol("moc"), 0.5)
    assert soft.scores.tolist() == pytest.approx([0.8, 0.8, 0.55, 0.55 * 2 / 11])
    right, wrong = Outcome.CORRECT, Outcome.LOCALIZATION
    assert soft.outcomes.tolist() == [right, right, right, wrong]
    (hard,) = classify_detections({"v": found}, truth, ["v"], get_protocol("act"), 0.5)
    assert hard.scores.tolist() == pytest.approx([0.8, 0.8, 0.55])


def test_equal_scores_rank_by_video_then_frame_then_slot(make):
    """All scores equal: wrong ones stand where their place puts them."""
    truth = make.annotate("ab", a=(2, [make.tube(1, 2, BOX)]), b=(2, [make.tube(1, 2, BOX)]))
    found = {
        "b": on_frames({1: [(BOX, 0.5, 0)], 2: [(FAR, 0.5, 0), (BOX, 0.5, 0)]}),
        "a": on_frames({1: [(FAR, 0.5, 0)], 2: [(BOX, 0.5, 0)]}),
    }
    record = classify_detections(found, truth, ["a", "b"], get_protocol("moc"), 0.5)[0]
    assert (record.outcomes == Outcome.CORRECT).tolist() == [False, True, True, False, True]


def test_annotations_beyond_the_video_count_as_missed(make):
    truth = make.annotate("ab", v=(2, [make.tube(1, 4, BOX)]))
    record = classify({1: [(BOX, 0.5, 0)], 2: [(BOX, 0.5, 0)]}, truth)[0]
    assert (record.num_boxes, record.average_precision("trapezoid")) == (4, 0.5)


# --- finished boxes, and the rules of multisports ---


def finished(frames):
    """``{frame: [(box, score, class)]}`` as boxes."""
    rows = [(frame, label, score, box) for frame in frames for box, score, label in frames[frame]]
    numbers, labels, scores, boxes = zip(*rows, strict=True)
    return FrameBoxes(np.array(numbers), np.array(labels), np.array(scores), np.float64(boxes))


def outcomes(frames, annotations, protocol):
    rules = get_protocol(protocol)
    (a, _) = classify_detections({"v": finished(frames)}, annotations, ["v"], rules, 0.5)
    return a.outcomes.tolist()


def test_finished_boxes_are_scored_as_tubelets_are_but_not_suppressed(make):
    """CLOSE would lose its score to BOX, and stand behind FAR."""
    truth = make.annotate("ab", v=(4, [make.tube(1, 4, BOX)]))
    frames = {1: [(BOX, 0.9, 0)], 2: [(BOX, 0.8, 0), (CLOSE, 0.7, 0)], 3: [(FAR, 0.6, 0)]}
    right, wrong = Outcome.CORRECT, Outcome.LOCALIZATION
    assert outcomes(frames, truth, "moc") == [right, right, wrong, wrong]
    assert classify(frames, truth)[0].outcomes.tolist() == [right, right, wrong, wrong]
    rules = get_protocol("moc")
    (a, _) = classify_detections({"v": finished(frames)}, truth, ["v"], rules, 0.5)
    assert a.scores.tolist() == [0.9, 0.8, 0.7, 0.6], "in the precision of the file"


def test_multisports_adds_no_pixel(make):
    """(0, 0, 9, 9) and (0, 0, 19, 9): 100 of 200 pixels, but 81 of 171 between the corners."""
    truth = make.annotate("ab", v=(1, [make.tube(1, 1, BOX)]))
    frames = {1: [((0, 0, 19, 9), 0.9, 0)]}
    assert outcomes(frames, truth, "voc") == [Outcome.CORRECT]
    assert outcomes(frames, truth, "multisports") == [Outcome.LOCALIZATION]
    frames = {1: [((0, 0, 18, 9), 0.9, 0)]}  # 81 of 162
    assert outcomes(frames, truth, "multisports") == [Outcome.CORRECT]


def test_multisports_counts_repeats_and_frames_without_annotation_as_wrong(make):
    """A second box of one actor is wrong, although the other actor is free and close enough."""
    truth = make.annotate("ab", v=(3, [make.tube(1, 2, BOX), make.tube(1, 2, CLOSE)]))
    frames = {1: [(BOX, 0.9, 0), (BOX, 0.8, 0)], 3: [(BOX, 0.7, 0)], 9: [(BOX, 0.6, 0)]}
    timing = Outcome.TIMING
    right, wrong = Outcome.CORRECT, Outcome.LOCALIZATION
    assert outcomes(frames, truth, "multisports") == [right, wrong, timing, timing]
    assert outcomes(frames, truth, "moc") == [right, right, timing, timing]
