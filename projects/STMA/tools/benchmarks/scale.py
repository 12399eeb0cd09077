"""Times of one way through a whole test set: against plain loops, and against MOC's own code."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .memory import peak_memory
from .reference import GoldenCase, golden_cases, plain_rules
from .report import Report, Timing, compare, stopwatch
from .simulated_detections import TestSet, add_size_arguments, simulate


@dataclass(frozen=True)
class Task:
    """Something that is done to the detections of a test set.

    Attributes:
        title: what it is.
        package: does it as the package does; returns what is to be compared.
        plain: does it with the plain loops.
        difference: the largest difference between these two results.
        golden_seconds: how long MOC's code took for a golden case.
        golden_difference: the largest difference between a result and MOC's.
    """

    title: str
    package: Callable[[TestSet], Any]
    plain: Callable[[TestSet, ModuleType], Any]
    difference: Callable[[Any, Any], float]
    golden_seconds: Callable[[GoldenCase], float]
    golden_difference: Callable[[Any, GoldenCase], float]


def add_scale_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of both figures."""
    add_size_arguments(parser)
    parser.add_argument(
        "--plain-frames",
        type=int,
        default=60,
        help="of the two small videos that the loops get too (default: %(default)s)",
    )
    parser.add_argument("--repeats", type=int, default=3, help="default: %(default)s")
    parser.add_argument(
        "--golden", metavar="FOLDER", help="also time the cases that MOC's own code was timed with"
    )


def measure(task: Task, args: argparse.Namespace) -> Report:
    """Time the task on the whole test set and on a small one, there against the loops."""
    small = simulate(argparse.Namespace(**{**vars(args), "videos": 2, "frames": args.plain_frames}))
    facts = {
        "first call, which compiles or loads (s)": round(stopwatch(lambda: task.package(small)), 2)
    }
    plain = plain_rules()
    both = compare(
        {
            "plain loops, small set": lambda: task.plain(small, plain),
            "package, small set": lambda: task.package(small),
        },
        args.repeats,
        small.num_detections,
        warmup=0,
    )
    loops, package = both.values()
    facts["largest difference from the loops"] = task.difference(
        task.package(small), task.plain(small, plain)
    )

    test_set = simulate(args)
    facts["peak memory before, with the detections (MB)"] = round(peak_memory())
    before = time.process_time()
    (whole,) = compare(
        {"package, whole set": lambda: task.package(test_set)},
        args.repeats,
        test_set.num_detections,
        warmup=0,
    ).values()
    facts["whole set (s)"] = round(whole.median, 2)
    spent = (time.process_time() - before) / args.repeats
    facts["whole set, time of the processor (s)"] = round(spent, 2)
    facts["peak memory (MB)"] = round(peak_memory())
    timings = [loops, package, whole]
    ratios = {
        "loops / package, per detection of the small set": _per_unit(loops) / _per_unit(package),
        "loops / package, per detection of small and whole set": _per_unit(loops)
        / _per_unit(whole),
    }
    for case in golden_cases(args.golden) if args.golden else ():
        name = f"package, {case.name}"
        run = {name: lambda case=case: task.package(case.test_set)}
        timings += compare(run, args.repeats, case.test_set.num_detections).values()
        seconds = task.golden_seconds(case)
        ratios[f"MOC's stored seconds / package, {case.name}"] = seconds / timings[-1].median
        difference = task.golden_difference(task.package(case.test_set), case)
        facts[f"largest difference from MOC, {case.name}"] = difference
    frames = sum(video.num_frames for video in test_set.annotations.videos.values())
    title = (
        f"{task.title}: {args.videos} videos of {frames} frames, {args.tubelets} tubelets of "
        f"{args.snippet} frames a window, {args.classes} classes, {test_set.num_detections} "
        "tubelets with a class"
    )
    return Report(title, "detection", timings, ratios, facts)


def _per_unit(timing: Timing) -> float:
    return timing.median / timing.units
