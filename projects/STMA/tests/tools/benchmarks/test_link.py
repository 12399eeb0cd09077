"""Linking's benchmark: what it compares and reports, not how fast."""

from __future__ import annotations

import argparse
import json

import pytest

SMALL = "--videos 3 --frames 90 --plain-frames 40 --classes 2 --tubelets 3 --repeats 1".split()


def options(figure, *arguments):
    parser = argparse.ArgumentParser()
    figure.add_arguments(parser)
    return parser.parse_args([*SMALL, *arguments])


def test_report_compares_the_package_with_the_loops_and_with_moc(load, golden_folder, tmp_path):
    link, report = load("link"), load("report")
    found = link.run(options(link, "--golden", str(golden_folder)))
    assert [timing.name for timing in found.timings] == [
        "plain loops, small set",
        "package, small set",
        "package, whole set",
        "package, small",
    ]
    loops, package, whole, moc = found.timings
    assert loops.units == package.units < whole.units and moc.units == 16
    assert list(found.ratios.values()) == pytest.approx(
        [
            loops.median / package.median,
            loops.median / loops.units / (whole.median / whole.units),
            7.0 / moc.median,
        ]
    )
    assert found.facts["largest difference from the loops"] < 1e-9
    assert found.facts["largest difference from MOC, small"] < 1e-9
    assert found.facts["peak memory (MB)"] > 0
    report.write_json(found, str(tmp_path / "link.json"))
    assert json.loads((tmp_path / "link.json").read_text())["unit"] == "detection"


def test_tubes_that_differ_are_noticed(load):
    link = load("link")
    digest = {"v": [2.0, 40.0, 0.5, 4720.0]}
    assert link.digest_difference(digest, digest) == 0
    assert link.digest_difference(digest, {"v": [2.0, 50.0, 0.4, 4720.0]}) == pytest.approx(0.2)
    assert link.digest_difference(digest, {"u": digest["v"]}) == float("inf")
