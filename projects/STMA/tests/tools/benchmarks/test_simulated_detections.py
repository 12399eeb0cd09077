from __future__ import annotations

import argparse

import numpy as np

from stma_d2.evaluation import evaluate_tubelets


def simulate(module, *arguments):
    parser = argparse.ArgumentParser()
    module.add_size_arguments(parser)
    return module.simulate(parser.parse_args(arguments))


def test_size_is_that_of_the_ucf101_24_test_set_if_not_said_otherwise(load):
    module = load("simulated_detections")
    parser = argparse.ArgumentParser()
    module.add_size_arguments(parser)
    args = parser.parse_args([])
    assert (args.videos, args.frames, args.classes, args.tubelets) == (910, 150_000, 24, 10)


def test_every_tubelet_has_a_score_for_every_class(load):
    module = load("simulated_detections")
    found = simulate(module, "--videos", "4", "--frames", "200", "--classes", "3", "--snippet", "7")
    lengths = [video.num_frames for video in found.annotations.videos.values()]
    assert len(lengths) == len(set(found.detections)) == 4
    assert abs(sum(lengths) - 200) <= 2
    windows = sum(length - 7 + 1 for length in lengths)
    assert found.num_detections == windows * 10 * 3
    for tubelets in found.detections.values():
        assert tubelets.boxes.shape[1:] == (10, 7, 4) and tubelets.num_classes == 3
        assert (tubelets.boxes[..., 2:] >= tubelets.boxes[..., :2]).mean() > 0.99
        assert tubelets.boxes.min() >= 0 and tubelets.boxes.max() <= 319


def test_actors_are_found_and_seeds_repeat(load):
    """What is evaluated is neither hopeless nor perfect, and the same every time."""
    module = load("simulated_detections")
    size = ("--videos", "6", "--frames", "300", "--classes", "2")
    first, second = simulate(module, *size), simulate(module, *size)
    other = simulate(module, *size, "--seed", "1")
    name = sorted(first.detections)[0]
    np.testing.assert_array_equal(first.detections[name].boxes, second.detections[name].boxes)
    assert not np.array_equal(first.detections[name].boxes[:9], other.detections[name].boxes[:9])
    metrics = evaluate_tubelets(first.detections, first.annotations, sorted(first.detections))
    assert 10 < metrics["frame_mAP@0.5"] < 95
    assert 10 < metrics["video_mAP@0.2"] < 95
