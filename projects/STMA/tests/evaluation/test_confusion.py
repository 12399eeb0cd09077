"""Confusion by hand, and against the rule as plain loops; K = 1, a tubelet is a box on a frame."""

from __future__ import annotations

import numpy as np
import pytest

from stma_d2.evaluation import get_protocol
from stma_d2.evaluation.confusion import MIN_SCORE, Confusion
from stma_d2.evaluation.metrics import run_evaluation
from stma_d2.structures import Tubelets

BOX = (0, 0, 9, 9)
CLOSE = (1, 0, 10, 9)  # IoU 9 / 11 with BOX
LOOSE = (6, 0, 15, 9)  # IoU 4 / 16 with BOX
FAR = (100, 0, 109, 9)
EMPTY = (200, 0, 209, 9)
A, B, C, REST = range(4)


def on_frames(*frames):
    """Lists of (box, score, class), one a frame, as tubelets of one frame; three classes."""
    slots = max(map(len, frames))
    boxes = np.zeros((len(frames), slots, 1, 4), np.float32)
    scores = np.zeros((len(frames), slots, 3), np.float32)
    for row, found in enumerate(frames):
        for slot, (box, score, label) in enumerate(found):
            boxes[row, slot, 0], scores[row, slot, label] = box, score
    return Tubelets(np.arange(1, len(frames) + 1), boxes, scores)


def test_by_hand(make):
    """Actor a on frames 1 and 2, b on frame 1, nobody on frame 3; c has no actor.

    Video w was never given to the network: its three boxes of b are missed.
    """
    truth = make.annotate(
        "abc",
        v=(3, [make.tube(1, 2, BOX, A), make.tube(1, 1, FAR, B)]),
        w=(3, [make.tube(1, 3, BOX, B)]),
    )
    found = on_frames(
        [
            (BOX, 0.9, B),  # a taken for b
            (CLOSE, 0.8, A),  # again, so it counts nowhere
            (FAR, 0.7, B),  # right
            (EMPTY, 0.6, C),  # nobody is there
            (EMPTY, MIN_SCORE - 0.01, A),  # too weak
        ],
        [(LOOSE, 0.9, A)],  # overlaps too little: a is missed, and nobody is there
        [(BOX, MIN_SCORE, A)],  # nobody is there any more
    )
    evaluation = run_evaluation({"v": found}, truth, ["v", "w"], get_protocol("moc"))
    expected = np.zeros((4, 4), int)
    expected[A, B] = expected[A, REST] = expected[B, B] = expected[REST, C] = 1
    expected[REST, A] = 2
    expected[B, REST] = 3
    assert evaluation.curves.confusion.tolist() == expected.tolist()
    assert evaluation.curves.labels == ("a", "b", "c")


def test_a_detection_takes_the_free_box_that_it_overlaps_most():
    """The surest takes the box of b (0.9); the next one prefers it too, and gets that of a."""
    scores = np.array([[[0.8, 0.0], [0.0, 0.9]]], np.float32)  # of two classes and two boxes
    overlaps = np.array([[[0.6, 0.8], [0.7, 0.9]]])
    confusion = Confusion(2, 0.5)
    confusion.add(scores, scores > 0, overlaps, np.array([A, B]))
    assert confusion.matrix([1, 1]).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_rule_as_plain_loops(seed):
    """Scores of few values, so that ties come; some boxes are not on their frame."""
    generator = np.random.default_rng(seed)
    frames, classes, boxes, tubes = 6, 3, 8, 4
    scores = generator.integers(0, 6, (frames, classes, boxes)).astype(np.float32) / 5
    kept = generator.random(scores.shape) < 0.8
    overlaps = generator.integers(-1, 5, (frames, boxes, tubes)) / 4
    labels = generator.integers(0, classes, tubes)
    expected = np.zeros((classes + 1, classes + 1), int)
    for frame in range(frames):
        turns = [
            (-scores[frame, c, p], c, p)
            for c in range(classes)
            for p in range(boxes)
            if kept[frame, c, p] and scores[frame, c, p] >= MIN_SCORE
        ]
        free = set(range(tubes))
        for _, label, box in sorted(turns):
            near = {t for t in range(tubes) if overlaps[frame, box, t] >= 0.5}
            if near & free:
                taken = max(sorted(near & free), key=lambda t: overlaps[frame, box, t])
                free.remove(taken)
                expected[labels[taken], label] += 1
            elif not near:
                expected[classes, label] += 1
    num_boxes = np.bincount(labels, minlength=classes) * frames
    expected[:classes, classes] = num_boxes - expected[:classes, :classes].sum(axis=1)
    confusion = Confusion(classes, 0.5)
    confusion.add(scores[:4], kept[:4], overlaps[:4], labels)
    confusion.add(scores[4:], kept[4:], overlaps[4:], labels)
    assert confusion.matrix(num_boxes).tolist() == expected.tolist()
