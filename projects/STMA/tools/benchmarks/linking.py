"""Figures of linking and metrics at a test set's scale."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from types import ModuleType

from torch.utils.benchmark import Measurement

from stma_d2.evaluation import evaluate_tubelets, get_protocol
from stma_d2.linking import LinkingRules, link_tubelets

from . import inputs
from .timing import Figure, in_turns, ratio


def measure_link(args: argparse.Namespace) -> Figure:
    """Linking at a test set's scale, against plain loops and MOC's stored seconds."""

    def link(test_set: inputs.TestSet, plain: ModuleType | None = None) -> None:
        detections, annotations = test_set
        for video, tubelets in detections.items():
            num_frames = annotations.videos[video].num_frames
            if plain is None:
                link_tubelets(tubelets, num_frames)
            else:
                plain.link(tubelets, num_frames, LinkingRules())

    return measure_test_set(link, "BuildTubes", args)


def measure_evaluate(args: argparse.Namespace) -> Figure:
    """Linking and metrics at a test set's scale, against plain loops and MOC's stored seconds."""

    def evaluate(test_set: inputs.TestSet, plain: ModuleType | None = None) -> None:
        detections, annotations = test_set
        if plain is None:
            evaluate_tubelets(detections, annotations, list(detections), "moc")
        else:
            plain.evaluate(detections, annotations, list(detections), get_protocol("moc"))

    return measure_test_set(evaluate, "total", args)


def measure_test_set(
    work: Callable[..., None], golden_step: str, args: argparse.Namespace
) -> Figure:
    """Time ``work(test_set)`` on whole sets, and ``work(test_set, plain module)`` on a small one.

    ``golden_step`` is MOC's name of that work.
    """

    def timed(
        name: str, test_set: inputs.TestSet, plain: ModuleType | None = None
    ) -> list[Measurement]:
        runs = {name: partial(work, test_set)}
        if plain is not None:
            runs["plain loops"] = partial(work, test_set, plain)
        return in_turns(runs, args.repeats, "tubelet", inputs.num_detections(test_set))

    test_set = inputs.simulated_test_set(args, args.videos, args.frames)
    (whole,) = timings = timed("whole set", test_set)
    numbers = {"whole set (s)": whole.median * whole.number_per_run}
    if args.against:
        test_set = inputs.simulated_test_set(args, 2, min(args.frames, 60))
        small, loops = timed("small set", test_set, inputs.load_file(args.against))
        timings += [small, loops]
        numbers |= ratio(loops, small) | ratio(loops, whole)
    for name, test_set, seconds in inputs.golden_cases(args.golden) if args.golden else ():
        (ours,) = timed(name, test_set)
        timings.append(ours)
        total = ours.median * ours.number_per_run
        numbers[f"MOC's stored seconds / {name}"] = seconds[golden_step] / total
    return timings, numbers
