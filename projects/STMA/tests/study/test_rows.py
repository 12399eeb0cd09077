"""Each row of the study is its file in configs/ablations, and nothing besides."""

from __future__ import annotations

from pathlib import Path

import pytest

from stma_d2.config import load_config
from stma_d2.evaluation.paper import paper_ablation
from stma_d2.study.rows import FULL, PARTS, ROWS, TABLES

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FULL_FILE = CONFIGS / "UCF101-24" / "STMA_DLA34_RX101_K5.yaml"
FILES = sorted((CONFIGS / "ablations").glob("*.yaml"))


def test_every_file_of_the_ablations_is_a_row_and_every_row_stands_in_a_table():
    assert {row.name for row in ROWS.values() if row.settings is None} == {p.stem for p in FILES}
    assert {name for table in TABLES.values() for name in table.rows} == set(ROWS)
    assert {name for part in PARTS for name in (part.row, part.without)} <= set(ROWS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_switches_turn_the_full_model_into_the_row(path):
    """The same configuration by the other way: full model and switches, and the row's file."""
    words = [word for pair in ROWS[path.stem].switches().items() for word in pair]
    ours, theirs = load_config(str(FULL_FILE), words), load_config(str(path))
    ours.OUTPUT_DIR = theirs.OUTPUT_DIR
    assert ours == theirs and words


def test_the_tables_are_the_papers(shared):
    """Table 2 to 4 in the paper's text: a row's three figures, in its order."""
    text = (shared / "paper" / "stma.md").read_text().replace("<b>", "").replace("</b>", "")
    rows = [line.split("\t")[-3:] for line in text[text.index("F-mAP@0.5") :].splitlines()]
    found = [tuple(map(float, row)) for row in rows if len(row) == 3 and row[0][:1].isdigit()]
    ours = [paper_ablation(name) for number in "234" for name in TABLES[number].rows]
    assert [tuple(figures.metrics.values()) for figures in ours] == found
    assert paper_ablation("cfam") is None and paper_ablation(FULL).metrics["video_mAP@0.5"] == 54.1


def test_the_tables_of_the_configurations_page_are_the_papers():
    """A row's second cell is its file; its last three are the figures."""
    page = (CONFIGS / "ablations" / "README.md").read_text()
    lines = [line.strip("|").split("|") for line in page.splitlines() if ".yaml` |" in line]
    found = {}
    for _, file, *cells in lines:
        name = Path(file.strip().strip("`")).stem
        found[FULL if name == FULL_FILE.stem else name] = tuple(map(float, cells[-3:]))
    named = {name for number in "234" for name in TABLES[number].rows}
    assert found == {name: tuple(paper_ablation(name).metrics.values()) for name in named}
