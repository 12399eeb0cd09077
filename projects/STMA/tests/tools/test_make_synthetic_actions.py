"""The command line that generates the synthetic data set."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from stma_d2.data.datasets.synthetic_levels import LEVELS
from stma_d2.errors import InputError

TOOL = Path(__file__).resolve().parents[2] / "tools" / "make_synthetic_actions.py"


def test_arguments_reach_the_generator(tool, tmp_path):
    main = tool("make_synthetic_actions").main
    arguments = ["--root", str(tmp_path), "--num-train", "1", "--num-val", "1"]
    arguments += ["--image-size", "64", "--workers", "1"]
    main([*arguments, "--seed", "5"])
    parameters = json.loads((tmp_path / "synthetic_actions" / "parameters.json").read_text())
    assert (parameters["num_train"], parameters["num_val"]) == (1, 1)
    assert (parameters["seed"], parameters["image_size"]) == (5, 64)

    with pytest.raises(FileExistsError, match="--overwrite"):
        main([*arguments, "--seed", "6"])
    page = tmp_path / "synthetic_actions" / "data.html"
    first = page.read_text()
    main([*arguments, "--seed", "6", "--overwrite"])
    assert page.read_text() != first


def test_levels_and_factors_reach_the_generator_and_the_sheet(tool, tmp_path):
    main = tool("make_synthetic_actions").main
    arguments = ["--root", str(tmp_path), "--num-train", "1", "--num-val", "1"]
    arguments += ["--image-size", "64", "--workers", "1", "--level", "hard"]
    main([*arguments, "--untrimmed", "0", "--max-length", "30"])
    path = tmp_path / "synthetic_actions_hard" / "parameters.json"
    folder = path.parent
    page = (folder / "data.html").read_text()
    for fact in ("<dt>level</dt><dd>hard</dd>", "<dt>max length</dt><dd>30</dd>"):
        assert fact in page
    assert page.count("<td>looks</td>") == 6 and (folder / "classes.png").is_file()
    factors = json.loads(path.read_text())["factors"]
    own = asdict(LEVELS["hard"].factors)
    assert factors == own | {"untrimmed": 0, "max_length": 30}


@pytest.mark.parametrize("wrong", [["--overlap", "2"], ["--actors", "1.5"], ["--level", "odd"]])
def test_wrong_values_are_refused(tool, tmp_path, wrong, capsys):
    with pytest.raises(SystemExit):
        tool("make_synthetic_actions").main(["--root", str(tmp_path), *wrong])
    assert f"argument {wrong[0]}" in capsys.readouterr().err


def test_an_empty_root_is_refused(tool):
    with pytest.raises(InputError, match="--root is empty"):
        tool("make_synthetic_actions").main(["--root", ""])


def test_a_picture_that_was_removed_is_made_again(tool, tmp_path):
    arguments = ["--root", str(tmp_path), "--num-train", "1", "--num-val", "1"]
    arguments += ["--image-size", "64", "--workers", "1"]
    main = tool("make_synthetic_actions").main
    main(arguments)
    picture = tmp_path / "synthetic_actions" / "classes.png"
    before = picture.read_bytes()
    picture.unlink()
    main(arguments)
    assert picture.read_bytes() == before


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_all_its_processes_ends_it_without_a_stack_trace(tmp_path, number, status):
    """As Ctrl-C in a terminal and a cluster send it."""
    command = [sys.executable, str(TOOL), "--root", str(tmp_path), "--workers", "2"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list(tmp_path.glob(".synthetic_actions.scratch-*/new/rgb-images/*/00001.jpg")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, number)
    output = "".join(process.communicate(timeout=60))
    assert process.returncode == status and "Traceback" not in output
    assert not list(tmp_path.iterdir())
