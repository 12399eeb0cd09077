"""Saved detections are scored again from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stma_d2.data import Split, TubeAnnotations, VideoAnnotation, save_annotations
from stma_d2.errors import InputError
from stma_d2.evaluation import (
    METRICS,
    evaluate_tubelets,
    get_protocol,
    run_evaluation,
    save_detections,
)
from stma_d2.structures import Tube, Tubelets


@pytest.fixture(scope="module")
def main(tool):
    return tool("evaluate").main


@pytest.fixture
def files(tmp_path):
    """Annotations with two splits, detections for the second one's video and the first one's."""
    frames = np.arange(1, 21)
    tube = Tube(frames, np.tile(np.array([0, 0, 19, 19], np.float32), (20, 1)), 0)
    video = VideoAnnotation(20, 240, 320, (tube,))
    splits = (Split(("v",), ("u",)), Split(("u",), ("v",)))
    truth = TubeAnnotations(("Run", "Jump"), {"u": video, "v": video}, splits)
    boxes = np.tile(np.array([0, 0, 19, 19], np.float32), (16, 1, 5, 1))
    scores = np.tile(np.array([0.9, 0.2], np.float32), (16, 1, 1))
    scores[8:, 0, 0] = 0.05
    found = Tubelets(np.arange(1, 17), boxes, scores)
    detections = {"u": found, "v": found}
    save_annotations(truth, tmp_path / "truth.json")
    save_detections(tmp_path / "detections.npz", detections)
    arguments = [str(tmp_path / "detections.npz"), "--annotations", str(tmp_path / "truth.json")]
    return arguments, truth, detections


def test_scores_saved_detections_under_several_protocols(main, files, tmp_path, capsys):
    arguments, truth, detections = files
    output = tmp_path / "metrics.json"
    options = ["--split", "2", "--protocol", "voc", "moc", "--output", str(output)]
    main([*arguments, *options])
    voc, moc = json.loads(output.read_text())
    assert (voc["protocol"], voc["comparable"]) == ("voc", False)
    assert moc["metrics"] == evaluate_tubelets(detections, truth, ["v"])
    shown = capsys.readouterr().out
    assert "Protocol moc" in shown and "Protocol voc (not comparable)" in shown
    assert shown.index("not in this split, left out: 1") < shown.index("Protocol")
    last = shown.strip().splitlines()[-1].split()
    assert last == ["moc", *(f"{moc['metrics'][metric]:.2f}" for metric in METRICS)]


def test_rules_beside_the_protocol_reach_the_linking(main, files, tmp_path):
    arguments, truth, detections = files
    output, options = tmp_path / "metrics.json", ["--min-tubelet-score", "0.1"]
    main([*arguments, *options, "--trim-to-key-frames", "--output", str(output)])
    (record,) = json.loads(output.read_text())
    rules = {"min_tubelet_score": 0.1, "trim_to_key_frames": True}
    assert record.items() >= rules.items()
    expected = evaluate_tubelets(detections, truth, ["u"], **rules)
    assert record["metrics"] == expected != evaluate_tubelets(detections, truth, ["u"])


def test_without_options_the_rules_are_those_of_the_detections(main, files, tmp_path):
    arguments, truth, detections = files
    output, rules = tmp_path / "metrics.json", {"min_tubelet_score": 0.1, "min_tube_length": 9}
    protocol = get_protocol("act", **rules)
    save_detections(arguments[0], detections, truth.labels, protocol)
    main([*arguments, "--output", str(output)])
    (record,) = json.loads(output.read_text())
    assert record.items() >= {"protocol": "act", "trim_to_key_frames": False, **rules}.items()
    expected = run_evaluation(detections, truth, ["u"], protocol).flat()
    assert record["metrics"] == expected != evaluate_tubelets(detections, truth, ["u"])
    published = ["--protocol", "moc", "--min-tubelet-score", "0", "--min-tube-length", "15"]
    main([*arguments, *published, "--output", str(output)])
    (record,) = json.loads(output.read_text())
    assert record["metrics"] == evaluate_tubelets(detections, truth, ["u"])


@pytest.mark.usefixtures("empty_catalogs")
def test_a_data_set_file_names_the_data_set(main, files, tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("annotations: truth.json\nframes: .\nsplit: 2\n")
    data = ["--dataset", "mine_test", "--dataset-file", str(tmp_path / "mine.yaml")]
    main([files[0][0], *data])
    assert "1 videos" in capsys.readouterr().out


def test_labels_of_another_data_set_are_refused(main, files):
    arguments, _, detections = files
    save_detections(arguments[0], detections, ("Run", "Hop"))
    with pytest.raises(InputError, match=r"has the labels \['Run', 'Hop'\], the annotations have"):
        main(arguments)


def test_short_tubes_are_told(main, files, capsys):
    main([*files[0], "--min-tube-length", "21"])
    printed = capsys.readouterr().out
    assert "note: 1 of 1 annotated tubes and 1 of 1 videos are shorter than 21 frames" in printed


@pytest.mark.parametrize("position", [0, 2], ids=["detections", "annotations"])
def test_the_inputs_are_never_written_over(main, files, position):
    arguments, *_ = files
    content = Path(arguments[position]).read_bytes()
    with pytest.raises(InputError, match="is the input itself"):
        main([*arguments, "--output", arguments[position]])
    assert Path(arguments[position]).read_bytes() == content


@pytest.mark.usefixtures("empty_catalogs")
@pytest.mark.parametrize("name", ["truth.json", "mine.yaml", "linked.json", "notes.txt"])
def test_what_a_data_set_is_read_from_is_never_written_over(main, files, tmp_path, name):
    (tmp_path / "mine.yaml").write_text("annotations: truth.json\nframes: .\n")
    (tmp_path / "linked.json").symlink_to(tmp_path / "truth.json")
    (tmp_path / "notes.txt").write_text("no JSON")
    before = (tmp_path / name).read_bytes()
    data = ["--dataset", "mine_test", "--dataset-file", str(tmp_path / "mine.yaml")]
    with pytest.raises(InputError, match=r"is the input itself|exists and is no \.json file"):
        main([files[0][0], *data, "--output", str(tmp_path / name)])
    assert (tmp_path / name).read_bytes() == before


def test_videos_without_detections_are_told(main, files, tmp_path, capsys):
    arguments, truth, detections = files
    save_detections(arguments[0], {"v": detections["v"]})
    main(arguments)
    assert "1 of 1 videos have no detections and count as missed, the first is u" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: "missing.npz"}, "no detections at missing.npz"),
        ({1: "--dataset", 2: "nothing"}, "no data set of tubes is called 'nothing'"),
        ({3: "--split", 4: "3"}, "has splits 1 to 2, not 3"),
        ({2: "missing.pkl"}, "missing.pkl"),
        ({3: "--dataset-file", 4: "mine.yaml"}, "--dataset-file goes with --dataset"),
    ],
)
def test_wrong_input_is_refused(main, files, change, message):
    arguments = dict(enumerate(files[0])) | change
    with pytest.raises((InputError, FileNotFoundError), match=message):
        main([arguments[i] for i in sorted(arguments)])


def test_unknown_protocol_is_refused_with_those_that_exist(main, files, capsys):
    with pytest.raises(SystemExit):
        main([*files[0], "--protocol", "coco"])
    assert "moc" in capsys.readouterr().err


def test_a_split_of_a_registered_data_set_is_refused(main, files):
    with pytest.raises(InputError, match="--split goes with --annotations"):
        main([files[0][0], "--dataset", "ucf101_24_test", "--split", "2"])


# --- the files of the MultiSports benchmark ---


def test_files_of_the_benchmark_score_as_the_benchmark_does(main, shared, tmp_path, capsys):
    folder, output = shared / "golden" / "multisports", tmp_path / "metrics.json"
    expected = json.loads((folder / "expected.json").read_text())
    files = {
        "--frame-detections": str(folder / "frame_detections.pkl"),
        "--tubes": str(folder / "video_detections.pkl"),
    }
    arguments = ["--annotations", str(folder / "multisports_GT.pkl"), "--output", str(output)]
    arguments += ["--protocol", "multisports"]
    main([*arguments, *sum(files.items(), ())])
    (record,) = json.loads(output.read_text())
    metrics = record["metrics"]
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert "1 of 42 videos have no boxes" in capsys.readouterr().out
    for option, kind in (("--frame-detections", "frame"), ("--tubes", "video")):
        main([*arguments, option, files[option]])
        (record,) = json.loads(output.read_text())
        means = {name: record["metrics"][name] for name in expected if name.startswith(kind)}
        assert means.items() <= metrics.items()


def test_written_files_score_as_the_detections(main, files, tmp_path):
    arguments, *_ = files
    truth, folder = arguments[1:], tmp_path / "new"
    output, again = tmp_path / "metrics.json", tmp_path / "again.json"
    main([*arguments, "--output", str(output), "--write-benchmark-files", str(folder)])
    boxes, tubes = (str(folder / f"{kind}_detections.pkl") for kind in ("frame", "video"))
    main([*truth, "--output", str(again), "--frame-detections", boxes, "--tubes", tubes])
    assert json.loads(again.read_text()) == json.loads(output.read_text())
    size = Path(boxes).stat().st_size
    main([*arguments, "--write-benchmark-files", str(folder), "--min-box-score", "0.1"])
    assert Path(boxes).stat().st_size < size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give detections.npz, or --frame-detections and --tubes"),
        (["detections.npz", "--tubes", "t.pkl"], "give detections.npz, or"),
        (["--tubes", "t.pkl", "--trim-to-key-frames"], "are finished"),
        (["--tubes", "t.pkl", "--min-tubelet-score", "0.1"], "are finished"),
        (["--tubes", "t.pkl", "--write-benchmark-files", "x"], "are finished"),
        (["d.npz", "--write-benchmark-files", "x", "--protocol", "moc", "act"], "one --protocol"),
        (["d.npz", "--min-box-score", "0.1"], "goes with --write-benchmark-files"),
        (
            ["d.npz", "--write-benchmark-files", "x", "--min-box-score", "nan"],
            "at least 0 and below 1",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(main, capsys, options, message):
    with pytest.raises(SystemExit):
        main(["--annotations", "truth.json", *options])
    assert message in capsys.readouterr().err
