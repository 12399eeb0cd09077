"""Linking, frame-mAP and video-mAP at all thresholds, of a whole test set."""

from __future__ import annotations

import argparse
from types import ModuleType

from stma_d2.evaluation import evaluate_tubelets, get_protocol

from .reference import GoldenCase
from .report import Report
from .scale import Task, add_scale_arguments, measure
from .simulated_detections import TestSet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this figure."""
    add_scale_arguments(parser)


def run(args: argparse.Namespace) -> Report:
    """Measure evaluation."""
    task = Task(
        title="Evaluation, linking included",
        package=evaluate,
        plain=evaluate_by_loops,
        difference=metric_difference,
        golden_seconds=lambda case: case.seconds["total"],
        golden_difference=lambda result, case: metric_difference(
            {key: result[key] for key in moc_metrics(case)}, moc_metrics(case)
        ),
    )
    return measure(task, args)


def evaluate(test_set: TestSet) -> dict[str, float]:
    """Evaluate by the package, under MOC's protocol."""
    return evaluate_tubelets(
        test_set.detections, test_set.annotations, list(test_set.detections), "moc"
    )


def evaluate_by_loops(test_set: TestSet, plain: ModuleType) -> dict[str, float]:
    """Evaluate by the plain loops, under MOC's protocol."""
    return plain.evaluate(
        test_set.detections,
        test_set.annotations,
        list(test_set.detections),
        get_protocol("moc"),
    )


def moc_metrics(case: GoldenCase) -> dict[str, float]:
    """What MOC's code made of the case's detections: mAP, in percent, and AP at overlap 0.5."""
    figures = case.figures
    metrics = {"frame_mAP@0.5": figures["frame_map_stable_f64"]}
    metrics |= {f"video_mAP@{iou}": value for iou, value in figures["video_map_f64"].items()}
    for name, values in (("frame", "frame_ap_stable_f64"), ("video", "video_ap_0_5_f64")):
        for label, value in figures[values].items():
            metrics[f"AP/{name}_mAP@0.5/{label}"] = value
    return metrics


def metric_difference(one: dict[str, float], two: dict[str, float]) -> float:
    """The largest difference between the same metrics, in percent points."""
    if one.keys() != two.keys():
        return float("inf")
    return max(abs(one[key] - two[key]) for key in one)
