"""Tubelets into tubes: the videos of a whole test set, one after the other."""

from __future__ import annotations

import argparse
from types import ModuleType

import numpy as np

from stma_d2.linking import LinkingRules, link_tubelets

from .reference import GoldenCase
from .report import Report
from .scale import Task, add_scale_arguments, measure
from .simulated_detections import TestSet

# Of each video how many tubes there are, how many frames they have, and the sums of their scores
# and of their coordinates: as MOC's tubes are kept.
_Digest = dict[str, list[float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this figure."""
    add_scale_arguments(parser)


def run(args: argparse.Namespace) -> Report:
    """Measure linking."""
    task = Task(
        title="Linking",
        package=link,
        plain=link_by_loops,
        difference=digest_difference,
        golden_seconds=lambda case: case.seconds["BuildTubes"],
        golden_difference=lambda result, case: digest_difference(result, moc_digest(case)),
    )
    return measure(task, args)


def link(test_set: TestSet) -> _Digest:
    """Link by the package, with MOC's rules."""
    result = {}
    for video, found in test_set.detections.items():
        tubes = link_tubelets(found, test_set.annotations.videos[video].num_frames)
        result[video] = _digest([(tube.score, tube.boxes) for tube in tubes])
    return result


def link_by_loops(test_set: TestSet, plain: ModuleType) -> _Digest:
    """Link by the plain loops, with MOC's rules."""
    result = {}
    for video, found in test_set.detections.items():
        num_frames = test_set.annotations.videos[video].num_frames
        tubes = plain.link(found, num_frames, LinkingRules())
        result[video] = _digest([(score, boxes) for _, score, _, boxes in tubes])
    return result


def moc_digest(case: GoldenCase) -> _Digest:
    """What MOC's code made of the case's detections."""
    names = ("n", "frames", "score_sum", "box_sum")
    tubes = case.figures["tube_digest"]
    return {video: [float(digest[name]) for name in names] for video, digest in tubes.items()}


def digest_difference(one: _Digest, two: _Digest) -> float:
    """The largest difference between two of the same videos, relative where numbers exceed 1."""
    if one.keys() != two.keys():
        return float("inf")
    first, second = (np.array([digest[video] for video in sorted(one)]) for digest in (one, two))
    return float(np.max(np.abs(first - second) / np.maximum(np.abs(second), 1), initial=0))


def _digest(tubes: list[tuple[float, np.ndarray]]) -> list[float]:
    return [
        float(len(tubes)),
        float(sum(len(boxes) for _, boxes in tubes)),
        float(sum(score for score, _ in tubes)),
        float(sum(boxes.sum(dtype=np.float64) for _, boxes in tubes)),
    ]
