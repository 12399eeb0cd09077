from __future__ import annotations

import json

import numpy as np

from stma_d2.evaluation import (
    comparison_table,
    evaluation_record,
    evaluation_table,
    get_protocol,
    markdown_table,
    run_evaluation,
    score,
)
from stma_d2.files import write_json

BOX = (0, 0, 19, 19)


def evaluations(make, *protocols, **options):
    """Of two classes one is found, without the last ten of its 30 frames."""
    truth = make.annotate("ab", v=(30, [make.tube(1, 30, BOX), make.tube(1, 30, BOX, 1)]))
    found = {"v": make.follow([make.tube(1, 20, BOX)], 30, 5, 2)}
    return [
        run_evaluation(found, truth, ["v"], get_protocol(name, **options)) for name in protocols
    ]


def numbers(table, name):
    (line,) = (line for line in table.splitlines() if line.startswith(name))
    return [float(word) for word in line.split()[-10:]]


def test_table_shows_means_classes_and_errors(make):
    """a: 20 of 30 boxes found and one tube of overlap 2 / 3, good for 4 of 10 thresholds."""
    (evaluation,) = evaluations(make, "moc")
    table = evaluation_table(evaluation)
    assert "Protocol moc" in table and "1 videos, 2 classes" in table
    assert numbers(table, "a ") == [66.67, 100, 100, 0, 40, 0, 0, 0, 0, 33.33]
    assert numbers(table, "b ") == [0, 0, 0, 0, 0, 0, 0, 0, 0, 100]
    assert numbers(table, "mean ") == [33.33, 50, 50, 0, 20, 0, 0, 0, 0, 66.67]


def test_every_table_says_its_protocol_and_what_was_changed(make):
    (evaluation,) = evaluations(make, "voc", min_tubelet_score=0.25, trim_to_key_frames=True)
    assert "Protocol voc (not comparable)" in evaluation_table(evaluation)
    changes = "tubelets below 0.25 dropped, tubes cut back to key frames"
    assert changes in evaluation_table(evaluation) and changes in comparison_table([evaluation])
    both = comparison_table(evaluations(make, "moc", "voc"))
    names = [line.split("  ")[0] for line in both.splitlines()[-2:]]
    assert names == ["moc", "voc (not comparable)"]


def test_one_table_compares_protocols_of_different_metrics(make):
    """a: 20 of 30 frames, 0.667 with and 19 / 29 = 0.655 without the last one."""
    table = comparison_table(evaluations(make, "moc", "multisports")).splitlines()
    columns = [word for word in table[1].split() if word.startswith(("@", "mAP"))]
    assert columns == [
        *("mAP@0.5", "@0.2", "@0.5", "@0.75", "@0.5:0.95"),
        *("@0.05:0.45", "@0.10:0.90", "@0.50:0.95"),
    ]
    assert table[-2].split() == ["moc", "33.33", "50.00", "50.00", "0.00", "20.00"]
    multisports = ["33.33", "50.00", "50.00", "50.00", "33.33", "20.00"]
    assert table[-1].split() == ["multisports", "(not", "comparable)", *multisports]


def test_a_table_of_tubes_alone_has_no_columns_of_frames(make):
    truth = make.annotate("ab", v=(30, [make.tube(1, 30, BOX)]))
    found = {"v": [make.tube(1, 30, BOX)]}
    evaluation = score(None, found, truth, ["v"], get_protocol("moc"))
    table = evaluation_table(evaluation)
    assert "lost" not in table and "frame" not in table.splitlines()[2]
    assert table.splitlines()[-1].split() == ["a", "100.00", "100.00", "100.00", "100.00"]
    record = evaluation_record(evaluation)
    assert record["error_analysis"] == {"mean": {}, "per_class": {}}


def test_record_is_plain_json(make, tmp_path):
    (evaluation,) = evaluations(make, "moc")
    write_json(tmp_path / "metrics.json", evaluation_record(evaluation))
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["protocol"] == "moc" and record["comparable"] is True
    assert record["num_videos"] == 1 and record["min_tubelet_score"] == 0
    assert record["trim_to_key_frames"] is False
    assert np.isclose(record["metrics"]["AP/frame_mAP@0.5/a"], 200 / 3)
    assert record["metrics"]["video_mAP@0.5:0.95"] == 20
    assert record["error_analysis"]["per_class"]["b"]["missed"] == 100
    assert np.isclose(record["error_analysis"]["mean"]["missed"], 200 / 3)


def test_a_documents_table_has_its_cells_as_they_are():
    text = markdown_table(("a", "b"), [("1.50", "`x`")])
    assert text == "| a | b |\n| --- | --- |\n| 1.50 | `x` |\n"
