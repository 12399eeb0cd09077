"""The command keeps what trainings left, or says which folder is none and writes nothing."""

from __future__ import annotations

import pytest

from stma_d2.errors import InputError
from stma_d2.model_zoo.runs import describe_run, read_runs

CONFIG = "Synthetic/STMA_tiny_K5.yaml"


@pytest.fixture(scope="module")
def tool_module(tool):
    return tool("record_runs")


def test_folders_become_one_file(tool_module, train_net, tmp_path, capsys):
    folders = [tmp_path / "one", tmp_path / "two"]
    for seed, folder in enumerate(folders, start=1):
        assert train_net(folder, "SOLVER.MAX_ITER", "1", "SEED", str(seed)).returncode == 0
    command = ["--config-file", CONFIG, "--name", "some", "--results", str(tmp_path)]
    tool_module.main([*command, *map(str, folders)])
    assert f"2 runs are recorded in {tmp_path / 'some.json'}" in capsys.readouterr().out
    before = (tmp_path / "some.json").read_bytes()
    assert read_runs(tmp_path / "some.json")["runs"] == [
        describe_run(folder, CONFIG) for folder in folders
    ]
    with pytest.raises(InputError, match="missing is no folder of a finished training"):
        tool_module.main([*command, str(folders[0]), str(tmp_path / "missing")])
    assert (tmp_path / "some.json").read_bytes() == before


@pytest.mark.parametrize("name", ["", "../some", "a b"])
def test_a_name_that_is_none_of_a_file_is_refused(tool_module, tmp_path, capsys, name):
    command = ["--config-file", CONFIG, "--results", str(tmp_path / "results"), "--name", name]
    with pytest.raises(SystemExit):
        tool_module.main([*command, str(tmp_path)])
    assert f"argument --name: {name!r}: use letters" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
