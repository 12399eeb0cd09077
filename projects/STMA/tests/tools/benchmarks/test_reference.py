from __future__ import annotations

import pytest

from stma_d2.errors import InputError
from stma_d2.linking import LinkingRules


def test_golden_case_holds_detections_times_and_figures(load, golden_folder):
    (case,) = load("reference").golden_cases(str(golden_folder))
    assert case.name == "small" and case.seconds["total"] == 9.0
    assert case.test_set.num_detections == 16
    assert case.test_set.annotations.labels == ("a",)
    (tube,) = (
        load("reference").plain_rules().link(case.test_set.detections["v"], 20, LinkingRules())
    )
    assert len(tube[3]) == case.figures["tube_digest"]["v"]["frames"]


def test_other_detections_than_were_scored_are_refused(load, golden_folder):
    generator = golden_folder / "make_detections.py"
    generator.write_text(generator.read_text().replace("the checksum", "another"))
    with pytest.raises(InputError, match="detections of small are not those"):
        list(load("reference").golden_cases(str(golden_folder)))


def test_missing_file_is_named(load, golden_folder):
    (golden_folder / "make_detections.py").unlink()
    with pytest.raises(InputError, match=r"make_detections\.py is missing"):
        list(load("reference").golden_cases(str(golden_folder)))
