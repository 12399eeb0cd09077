"""What stands on the study's page, by hand."""

from __future__ import annotations

from stma_d2.study.page import render


def tables(page: str) -> dict[str, list[list[str]]]:
    """The cells of the tables by the line that is above them."""
    found: dict[str, list[list[str]]] = {}
    title = ""
    for line in page.splitlines():
        if line.startswith("|"):
            found.setdefault(title, []).append(
                [cell.strip() for cell in line.strip("|").split("|")]
            )
        elif line:
            title = line
    assert all(len({len(row) for row in rows}) == 1 for rows in found.values())
    return {title: rows[2:] for title, rows in found.items()}


def test_rows_stand_in_the_papers_tables_beside_its_figures(study):
    found = tables(render(study, {}))
    rows = {row[0]: row[1:] for row in found["## Table 2: spatio-temporal motion aggregation"]}
    figures = ["75.0 ± 7.1"] * 5
    assert rows["CAL+ME+STA+GR (full)"] == ["2", *figures, "0.001", "1.5", "78.8", "83.3", "54.1"]
    assert rows["CAL"] == ["1", *["58.0"] * 5, "0.001", "1.5", "73.1", "77.5", "50.6"]
    assert rows["CAL+ME"] == ["0", *["–"] * 7, "75.4", "79.0", "51.2"]
    assert [row[0] for row in found["## Table 4: length of the tubelets"]][2] == "K = 5 (full)"
    assert len(found["## What the paper leaves open"][0]) == 9  # the paper has no such rows


def test_tables_without_a_finished_row_are_left_out(study, make_run):
    only = {**study, "runs": [make_run("cfam", 1, {"run": 50})]}
    assert set(tables(render(only, {}))) == {"## What the paper leaves open", "## The runs"}
    assert "No run is finished yet." in render({**study, "runs": []}, {})


def test_gains_are_seed_by_seed_beside_the_papers(study):
    """Full - base: 80 - 50 and 70 - 50. The paper's: 78.8 - 72.8, 83.3 - 77.8, 54.1 - 50.2."""
    found = tables(render(study, {}))
    (title,) = (title for title in found if title.startswith("Points that a row is better"))
    whole, cal = found[title]
    better = "2/2, 2/2, 2/2"
    assert whole == ["all of it", "2", *["+25.0 ± 7.1"] * 3, better, "+6.0", "+5.5", "+3.9"]
    assert cal == ["CAL", "1", *["+8.0"] * 3, "1/1, 1/1, 1/1", "+0.3", "-0.3", "+0.4"]


def test_gains_by_kind_of_class(study):
    """Long classes: 100 and 90, of which base has 50 and 46; short ones: 70 and 60, 50 and 52."""
    whole, _ = tables(render(study, {}))["frame-mAP@0.5:"]
    values = ["65.0 ± 7.1", "95.0 ± 7.1"]
    assert whole == ["all of it", *values, "+14.0 ± 8.5", "+47.0 ± 4.2"]
    page = render(study, {})
    assert "- *short*: `run`, `hop`\n- *long*: `sway`\n" in page and "looks" not in page
    assert "kind of class" not in render({**study, "class_groups": None}, {})


def test_the_page_says_what_its_configuration_says_otherwise_now(study):
    changes = [("SOLVER.BASE_LR", 0.1, 0.2), ("A.B", "x", "y")]
    told = "`SOLVER.BASE_LR` was 0.1 and is 0.2; `A.B` was x and is y."
    assert told in render(study, {}, changes) and "changed since" not in render(study, {})


def test_the_page_says_how_its_rows_were_trained(study, make_run):
    runs = [make_run("base", 1, {"run": 50}, recipe={"SOLVER.BASE_LR": 0.01}, commit="")]
    runs[0]["learning_rate"] = 0.01
    page = render({**study, "runs": runs, "overrides": ["A.B", "1"]}, {"x.png": "A plot."})
    for text in (
        "- Each row is `Synthetic/STMA_tiny_K5.yaml` with the switches of its file in "
        "`configs/ablations`, and `A.B 1`.",
        "- `base`: trained with `SOLVER.BASE_LR 0.01`.",
        "- Trained on `some_train`, 1,000 iterations of 8 clips; evaluated on `some_val` "
        "(32 videos) by protocol `moc`.",
        "over the seeds 1; n is",
        "4 of them at a time",
        "![x.png](x.png)\n\nA plot.",
        "| `base` | 1 | 50.00 | 50.00 | 50.00 | 1 CPU thread | 90 s | `unknown` |",
    ):
        assert text in page
