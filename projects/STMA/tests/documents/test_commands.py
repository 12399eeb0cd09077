"""The documents' commands and programs run as written, on generated data and a small network.

Those that need a download, a camera or hours say so above their block, and are checked by name:
programs, options, files and keys must exist. All tests of what came of running them are in this
file: tests of a file run in one process, so the commands run once.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from detectron2.engine import default_argument_parser

from stma_d2.config import load_config
from stma_d2.data import open_frames

PROJECT = Path(__file__).resolve().parents[2]
MAKEFILE = (PROJECT.parents[1] / "Makefile").read_text()
KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z][A-Z0-9_]*)+")


def test_every_block_names_its_language(block):
    assert block.kind in ("bash", "python", "json", "yaml", "text")


def test_a_block_runs_as_written(block, outcomes):
    if not block.is_run:
        pytest.skip(block.reason or "no code, or run by another test")
    status, output = outcomes[block]
    assert status == 0, output


def test_a_command_exists_with_its_options_and_keys(block):
    if block.kind != "bash":
        pytest.skip("no commands")
    content = re.sub(r'python -c "[^"]*"', "", block.content)
    for line in content.replace("\\\n", " ").replace("$split", "1").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", MAKEFILE, re.MULTILINE)
        program = next((word for word in words if word.endswith(".py")), None)
        if program:
            check(program, words[words.index(program) + 1 :])


def check(program, arguments):
    source = (PROJECT / program).read_text()
    options = [word for word in arguments if word.startswith("--")]
    if program == "train_net.py":
        known = default_argument_parser().format_help()
        assert all(f"{option} " in known for option in options)
    elif program == "demo.py":
        known = (PROJECT / "stma_d2/inference/arguments.py").read_text()
        assert all(f'"{option}"' in known for option in options)
    elif program == "tools/convert_annotations.py":
        known = (PROJECT / "stma_d2/convert_annotations.py").read_text()
        assert all(f'"{option}"' in known for option in options)
    else:
        assert all(f'"{option}"' in source for option in options)
    configs = [word for word in arguments if word.startswith("configs/")]
    keys = [place for place, word in enumerate(arguments) if KEY.fullmatch(word)]
    pairs = [arguments[place : place + 2] for place in keys]
    if any(key == "DATASETS.FILES" for key, _ in pairs):  # a file of the user, who has the classes
        pairs = [one for one in pairs if one[0] not in ("DATASETS.FILES", "MODEL.STMA.NUM_CLASSES")]
    for config in configs:
        if config != "configs/Own/STMA_small_K5.yaml":  # names a file of the user
            load_config(str(PROJECT / config), [part for pair in pairs for part in pair])


def test_the_guide_to_ones_own_data_leads_to_one_number(outcomes, project_folder):
    guide = [block for block in outcomes if block.document.endswith("OWN_DATA.md")]
    output = "".join(outcomes[block][1] for block in guide)
    assert "Nothing is wrong." in output
    assert len(list((project_folder / "pictures").glob("*_[0-9]*.png"))) == 4
    run = project_folder / "output/Own/STMA_small_K5"
    metrics = json.loads((run / "inference/mine_test/metrics.json").read_text())
    means = {key: value for key, value in metrics["metrics"].items() if "AP/" not in key}
    # The training's end, --eval-only and the saved detections.
    rows = re.findall(r"^mean +(.*)$", output, re.MULTILINE)
    assert len(rows) == 3 and len(set(rows)) == 1
    assert [float(x) for x in rows[0].split()[:5]] == [round(v, 2) for v in means.values()]
    assert open_frames(str(project_folder / "tubes.mp4")).count() == 24


def test_the_first_ten_minutes_leave_what_they_promise(outcomes, project_folder):
    record = json.loads((project_folder / "first.json").read_text())
    assert len(record["videos"]) == 1 and len(record["labels"]) == 10
    count = record["videos"][0]["num_frames"]
    for name in ("first.mp4", "mine.mp4"):
        assert open_frames(str(project_folder / name)).count() == count
    assert (project_folder / "first.gif").stat().st_size > 1000
    page = (project_folder / "output/first/report.html").read_text()
    assert "synthetic_actions_val" in page
    assert (project_folder / "output/Synthetic/STMA_tiny_K5/model_final.pth").is_file()


def test_generated_parts_are_checked_by_the_documents_commands(outcomes):
    commands = "".join(block.content for block in outcomes)
    for command in ("make_configuration.py", "make_model_zoo.py", "analyze_model.py --zoo"):
        assert f"python tools/{command} --check" in commands


def test_the_zoos_costs_are_those_that_analyze_model_prints(outcomes, zoo_costs):
    (output,) = (
        text for block, (_, text) in outcomes.items() if "analyze_model.py --c" in block.content
    )
    parameters, alone, in_video = zoo_costs("Synthetic/STMA_tiny_K5.yaml")
    printed = re.findall(r"^a window.*?window +([\d.]+) +([\d.]+)$", output, re.MULTILINE)
    assert [f"{float(gmacs):.2f}" for _, gmacs in printed] == [alone, in_video]
    assert f"{float(printed[0][0]):.1f} M" == parameters
