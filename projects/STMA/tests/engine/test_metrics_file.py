"""metrics.json says every value of every iteration once, over kills and resumes."""

from __future__ import annotations

import json
import math

import pytest
from detectron2.utils.events import EventStorage

from stma_d2.engine.metrics_file import MetricsFile, set_metrics_aside


@pytest.fixture
def file(tmp_path):
    return tmp_path / "metrics.json"


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_later_values_of_the_same_iteration_get_a_line_of_their_own(file):
    with EventStorage(3) as storage:
        writer = MetricsFile(str(file.parent), 0)
        storage.put_scalar("loss", 2.0)
        writer.write()
        storage.put_scalar("metric", math.nan, smoothing_hint=False)
        writer.write()
        writer.write()
        writer.close()
    first, second = lines(file)
    assert first == {"loss": 2.0, "iteration": 3}
    assert second.keys() == {"metric", "iteration"} and second["iteration"] == 3


WRITTEN = """\
{"iteration": 3, "loss": 2.0, "metric": 50.0}
{"iteration": 5, "loss": 1.0}
{"iteration": 7, "loss": 0.5, "metr"""


def test_lines_of_iterations_that_come_again_are_taken_out_and_half_lines_too(file, caplog):
    file.write_text(WRITTEN)
    MetricsFile(str(file.parent), 4).close()
    assert file.read_text() == WRITTEN.splitlines(keepends=True)[0]
    file.write_text(WRITTEN)
    MetricsFile(str(file.parent), 20).close()
    assert file.read_text() == "".join(WRITTEN.splitlines(keepends=True)[:2])


@pytest.mark.parametrize(("metric", "added"), [(50.0, 0), (60.0, 1)])
def test_an_evaluation_that_is_made_again_is_told_again_only_if_it_differs(file, metric, added):
    file.write_text(WRITTEN)
    with EventStorage(3) as storage:
        writer = MetricsFile(str(file.parent), 4)
        storage.put_scalar("loss", 2.0)
        storage.put_scalar("metric", metric, smoothing_hint=False)
        writer.write()
        writer.close()
    assert lines(file)[1:] == [{"iteration": 3, "metric": metric}] * added


def test_another_trainings_file_is_renamed(file, caplog):
    set_metrics_aside(str(file.parent))
    for number in (1, 2):
        file.write_text(f"{number}")
        set_metrics_aside(str(file.parent))
        aside = file.with_name(f"metrics.earlier-{number}.json")
        assert aside.read_text() == f"{number}"
        assert f"{file} is of an earlier training and is now {aside.name}" in caplog.text
    assert not file.exists()


def test_a_line_that_is_nested_without_end_is_taken_out(file):
    file.write_text(WRITTEN.splitlines(keepends=True)[0] + "[" * 200000)
    MetricsFile(str(file.parent), 20).close()
    assert file.read_text() == WRITTEN.splitlines(keepends=True)[0]
