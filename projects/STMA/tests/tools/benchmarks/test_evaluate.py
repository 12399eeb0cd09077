"""Evaluation's benchmark: what it compares and reports, not how fast."""

from __future__ import annotations

import argparse

import pytest

SMALL = "--videos 3 --frames 90 --plain-frames 40 --classes 2 --tubelets 3 --repeats 1".split()


def test_report_compares_the_package_with_the_loops_and_with_moc(load, golden_folder):
    evaluate = load("evaluate")
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    found = evaluate.run(parser.parse_args([*SMALL, "--golden", str(golden_folder)]))
    assert found.title.startswith("Evaluation, linking included: 3 videos of 90 frames, 3 tubelets")
    ratio = found.ratios["MOC's stored seconds / package, small"]
    assert ratio == pytest.approx(9.0 / found.timings[-1].median)
    assert found.facts["largest difference from the loops"] < 1e-9
    assert found.facts["largest difference from MOC, small"] < 1e-9


def test_metrics_that_differ_are_noticed(load):
    evaluate = load("evaluate")
    assert evaluate.metric_difference({"a": 1.0, "b": 2.0}, {"a": 1.5, "b": 1.75}) == 0.5
    assert evaluate.metric_difference({"a": 1.0}, {"b": 1.0}) == float("inf")
