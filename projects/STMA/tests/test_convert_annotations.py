"""The command that converts annotations, as the guide types it."""

from __future__ import annotations

import json
import pickle
import re
import runpy
import shlex
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from stma_d2.convert_annotations import main
from stma_d2.data import load_annotations
from stma_d2.errors import InputError
from stma_d2.evaluation import save_detections
from stma_d2.structures import Tubelets

PROJECT = Path(__file__).resolve().parents[1]
CVAT = Path(__file__).parent / "data/formats/files/cvat_video_1_1.xml"
GUIDE = (PROJECT / "docs/ANNOTATIONS.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"python tools/convert_annotations\.py ([^`\n]+)", GUIDE)
MOT = "1,1,0,0,9,9,1,1,1\n2,1,0,0,9,9,1,1,1\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Every file that the guide names, small."""
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("export.zip", "w") as archive:
        archive.writestr("annotations.xml", CVAT.read_bytes())
    for name in ("a", "b"):
        gt = tmp_path / "sequences" / name / "gt"
        gt.mkdir(parents=True)
        (gt / "gt.txt").write_text(MOT)
        (gt / "labels.txt").write_text("run\n")
        info = f"[Sequence]\nname={name}\nseqLength=20\nimWidth=64\nimHeight=48\n"
        (gt.parent / "seqinfo.ini").write_text(info)
    main(["sequences", "--output", "mine.json"])
    main(["mine.json", "--to", "coco", "--output", "coco.json"])
    Path("videos").mkdir()
    writer = cv2.VideoWriter("videos/a.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(25):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    Path("ava.csv").write_text("a,1,0,0,1,1,5,7\na,2,0,0,1,1,5,7\n")
    Path("actions.pbtxt").write_text('item { name: "run" id: 5 }')
    tube = np.array([[1, 0, 0, 9, 9], [2, 0, 0, 9, 9]], np.float32)
    names = [f"Run/v_Run_g0{group}_c0{clip}" for group in (1, 2, 3) for clip in (1, 2)]
    corrected = {"label": 0, "sf": 0, "ef": 2, "boxes": np.array([[1, 1, 9, 9]] * 2)}
    ucf = {name: {"numf": 9, "label": 0, "annotations": [corrected]} for name in names}
    Path("pyannot.pkl").write_bytes(pickle.dumps(ucf))
    Path("testlist01.txt").write_text(f"{names[0]}.avi 1\n")
    act = {
        "labels": ["Run"],
        "gttubes": {name: {0: [tube]} for name in names},
        "nframes": dict.fromkeys(names, 9),
        "resolution": dict.fromkeys(names, (240, 320)),
        "train_videos": [names[2:]],
        "test_videos": [names[:2]],
    }
    Path("UCF101v2-GT.pkl").write_bytes(pickle.dumps(act))
    boxes = np.tile(np.array([0, 0, 19, 19], np.float32), (16, 1, 5, 1))
    scores = np.full((16, 1, 1), 0.5, np.float32)
    save_detections("detections.npz", {"a": Tubelets(np.arange(1, 17), boxes, scores)})
    return tmp_path


def test_every_command_of_the_guide_runs(folder, capsys):
    assert len(COMMANDS) == 12
    for command in COMMANDS:
        arguments = shlex.split(command)
        output = arguments[arguments.index("--output") + 1]
        if output != "mine.json":  # it reads the user's own
            main(["sequences", "--output", "mine.json"])
        main(arguments)
        assert f"Written to {output}" in capsys.readouterr().out
        if output == "mine.json":
            assert load_annotations("mine.json").splits


def test_what_was_left_out_is_told(folder, capsys):
    main(["export.zip", "--output", "mine.json", "--report", "left_out.json"])
    shown = capsys.readouterr().out
    assert "1 videos (1 train, 0 test), 4 tubes, 18 boxes" in shown
    assert "dropped 2 x: polygon: only boxes make tubes (yard: track 3)" in shown
    assert "a split without a video to test with" in shown
    record = json.loads(Path("left_out.json").read_text())
    assert {"reason": "mask: only boxes make tubes", "count": 1, "names": ["yard: track 8"]} in (
        record["dropped"]
    )


def test_options_reach_the_formats(folder):
    arguments = ["export.zip", "--action-attribute", "action", "shouts", "--ignore-label", "jump"]
    main([*arguments, "--output", "mine.json"])
    assert load_annotations("mine.json").labels == ("run", "shouts")
    main(["sequences", "--first-pixel", "1", "--output", "mine.json"])
    (tube,) = load_annotations("mine.json").videos["a"].tubes
    assert tube.boxes[0].tolist() == [-1, -1, 7, 7]


def test_a_models_tubes_go_to_cvat_with_their_scores(folder):
    main(["sequences", "--output", "mine.json"])
    options = ["--annotations", "mine.json", "--to", "cvat", "--output"]
    main(["detections.npz", *options, "found"])
    text = (folder / "found" / "a.xml").read_text()
    assert 'source="auto"' in text and '<attribute name="score">0.5000</attribute>' in text
    # Both tubes of a straight line: the first and the last box, none outside at the video's end.
    assert text.count("<box ") == 2 and 'frame="0"' in text and 'frame="19"' in text
    main(["detections.npz", *options, "none", "--min-score", "0.6"])
    assert "<track" not in (folder / "none" / "a.xml").read_text()
    main(["detections.npz", "--annotations", "mine.json", "--output", "found.json"])
    (tube,) = load_annotations("found.json").videos["a"].tubes
    assert tube.score == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.xml", "--output", "a.json"], "no annotations at nowhere.xml"),
        (["coco.json", "--output", "coco.json"], "the output coco.json is the input itself"),
        (["coco.json", "--output", "a.doc"], "ends in none of"),
        (
            ["mine.json", "--test-list", "testlist01.txt", "--report", "testlist01.txt"]
            + ["--output", "a.json"],
            "the output testlist01.txt is the input itself",
        ),
        (
            ["mine.json", "--report", "pyannot.pkl", "--output", "a.json"],
            "pyannot.pkl exists and is no .json file",
        ),
        (["mine.json", "--report", "a.json", "--output", "./a.json"], "are both a.json"),
        (
            ["detections.npz", "--annotations", "mine.json", "--output", "mine.json"],
            "the output mine.json is the input itself",
        ),
        (["coco.json", "--output", "a.xml"], "2 videos do not go into one file a.xml"),
        (["coco.json", "--to", "cvat", "--output", "videos"], "folder videos exists; name a new"),
        (["detections.npz", "--output", "a.json"], "converted alone, and with --annotations"),
        (["coco.json", "--output", "a.json", "--test-list", "ava.csv"], "lists none of the videos"),
        (["ava.csv", "--output", "a.json"], "by --videos"),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(folder, arguments, message):
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(InputError, match=message):
        main(arguments)
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("option", ["--fps", "--tolerance", "--min-score", "--start-seconds"])
def test_options_that_are_no_numbers_are_refused(folder, capsys, option):
    with pytest.raises(SystemExit):
        main(["coco.json", "--output", "a.json", option, "nan"])
    assert f"argument {option}: it is 'nan'; it must be a number" in capsys.readouterr().err


def test_the_tool_ends_with_one_line(folder, monkeypatch):
    tool = str(PROJECT / "tools" / "convert_annotations.py")
    monkeypatch.setattr(sys, "argv", [tool, "nowhere.xml", "--output", "a.json"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(tool, run_name="__main__")
    assert ended.value.code == "error: no annotations at nowhere.xml"
