"""Page and plots come again from the study's file, to the byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stma_d2.config import load_config
from stma_d2.errors import InputError
from stma_d2.study.report import write_report

RESULTS = Path(__file__).resolve().parents[2] / "results"


def test_the_same_file_gives_the_same_bytes(study, tmp_path):
    (tmp_path / "ablations.json").write_text(json.dumps(study))
    page = write_report(tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    plots = {f"ablations_{name}.png" for name in ("bars", "map_over_iou", "gains")}
    assert set(first) == {"ablations.json", "ablations.md", *plots}
    assert all(f"({name})" in page.read_text() for name in plots)
    write_report(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_a_configuration_that_has_changed_since_is_told(study, tmp_path):
    config = load_config(study["config"], ["SOLVER.BASE_LR", "0.5", "SEED", "9"]).dump()
    for name, told in ((study["config"], True), ("gone.yaml", False)):
        content = {**study, "config": name, "full_config": config}
        (tmp_path / "ablations.json").write_text(json.dumps(content))
        page = write_report(tmp_path).read_text()
        assert ("`SOLVER.BASE_LR` was 0.5 and is 0.0015" in page) == told
        assert "SEED" not in page


def test_a_study_that_is_missing_damaged_or_of_unknown_rows_is_named(study, tmp_path):
    with pytest.raises(InputError, match=r"there is no study at .*ablations\.json"):
        write_report(tmp_path)
    runs = [{**study["runs"][0], "row": "K9"}]
    damaged = [{**study, "runs": runs}, {**study, "runs": [5]}, {**study, "overrides": [5]}]
    for content in ("{", "[]", "{}", "[" * 200000, *map(json.dumps, damaged)):
        (tmp_path / "ablations.json").write_text(content)
        with pytest.raises(InputError, match=r"ablations\.json is no study: .*"):
            write_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ablations.json"]


@pytest.mark.skipif(not RESULTS.is_dir(), reason="no study is kept with the project")
@pytest.mark.parametrize("folder", [RESULTS, RESULTS / "stride_32"], ids=lambda path: path.name)
def test_the_projects_own_pages_are_up_to_date(tmp_path, folder):
    shutil.copy(folder / "ablations.json", tmp_path)
    assert write_report(tmp_path).read_text() == (folder / "ablations.md").read_text()
    assert {path.name for path in tmp_path.iterdir()} <= {path.name for path in folder.iterdir()}
