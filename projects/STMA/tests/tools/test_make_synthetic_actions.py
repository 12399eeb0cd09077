"""The command line that generates the synthetic data set."""

import importlib.util
import json
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "make_synthetic_actions.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("make_synthetic_actions", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_arguments_reach_the_generator_and_errors_end_in_one_line(tool, tmp_path):
    arguments = ["--root", str(tmp_path), "--num-train", "1", "--num-val", "1"]
    arguments += ["--image-size", "64", "--workers", "1"]
    tool.main([*arguments, "--seed", "5"])
    parameters = json.loads((tmp_path / "synthetic_actions" / "parameters.json").read_text())
    assert (parameters["num_train"], parameters["num_val"]) == (1, 1)
    assert (parameters["seed"], parameters["image_size"]) == (5, 64)

    with pytest.raises(SystemExit, match=r"^error: .*was generated with"):
        tool.main([*arguments, "--seed", "6"])
    tool.main([*arguments, "--seed", "6", "--overwrite"])
    with pytest.raises(SystemExit, match=r"^error: synthetic actions need"):
        tool.main([*arguments, "--workers", "0"])
