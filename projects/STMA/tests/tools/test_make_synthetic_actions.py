"""The command line that generates the synthetic data set."""

import json

import pytest


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
