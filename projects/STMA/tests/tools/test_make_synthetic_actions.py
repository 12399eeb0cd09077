"""The command line that generates the synthetic data set."""

import json
from dataclasses import asdict

import pytest

from stma_d2.data.datasets.synthetic_levels import LEVELS


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
    main([*arguments, "--seed", "6", "--overwrite"])


def test_levels_and_factors_reach_the_generator(tool, tmp_path):
    main = tool("make_synthetic_actions").main
    arguments = ["--root", str(tmp_path), "--num-train", "1", "--num-val", "1"]
    arguments += ["--image-size", "64", "--workers", "1", "--level", "hard"]
    main([*arguments, "--untrimmed", "0", "--max-length", "30"])
    path = tmp_path / "synthetic_actions_hard" / "parameters.json"
    factors = json.loads(path.read_text())["factors"]
    own = asdict(LEVELS["hard"].factors)
    assert factors == own | {"untrimmed": 0, "max_length": 30}


@pytest.mark.parametrize("wrong", [["--overlap", "2"], ["--actors", "1.5"], ["--level", "odd"]])
def test_wrong_values_are_refused(tool, tmp_path, wrong, capsys):
    with pytest.raises(SystemExit):
        tool("make_synthetic_actions").main(["--root", str(tmp_path), *wrong])
    assert f"argument {wrong[0]}" in capsys.readouterr().err
