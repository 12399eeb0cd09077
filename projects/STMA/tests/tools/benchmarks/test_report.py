"""Timing in turns, and what a report says."""

from __future__ import annotations

import json
import time

import pytest

HEADER = "ms per clip: median"


def test_things_are_timed_in_turns_after_a_warm_up(load):
    order = []
    runs = {name: lambda name=name: order.append(name) for name in "ab"}
    timings = load("report").compare(runs, repeats=3, units=5)
    assert order == ["a", "b"] * 4
    assert [len(timings[name].seconds) for name in "ab"] == [3, 3]
    assert timings["a"].units == 5


def test_a_run_takes_the_seconds_that_pass(load, monkeypatch):
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert load("report").stopwatch(lambda: None) == 2.5


def test_the_table_tells_median_spread_and_rate_by_hand(load):
    report = load("report")
    timing = report.Timing("ours", [0.2, 0.1, 0.6], units=4)
    text = str(report.Report("Title", "clip", [timing], {"a / b": 2.0}, {"memory (MB)": 7}))
    lines = text.splitlines()
    assert lines[0] == "Title" and HEADER in lines[1]
    assert [float(word) for word in lines[3].split()[1:]] == pytest.approx([50, 25, 150, 20, 3])
    assert "a / b: 2" in lines and "memory (MB): 7" in lines


def test_json_holds_the_report_and_the_machine(load, tmp_path):
    report = load("report")
    path = tmp_path / "figures" / "report.json"
    found = report.Report("Title", "clip", [report.Timing("ours", [0.5])], {"r": 2.0})
    report.write_json(found, str(path))
    content = json.loads(path.read_text())
    assert content["timings"] == [{"name": "ours", "seconds": [0.5], "units": 1.0}]
    assert content["ratios"] == {"r": 2.0}
    assert content["machine"] == report.machine()
