"""The command that measures one figure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "benchmark.py"
SMALL = "--videos 2 --frames 40 --plain-frames 30 --classes 2 --tubelets 2 --repeats 1".split()


def run(*arguments):
    command = [sys.executable, "-W", "ignore", str(TOOL), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_figure_is_printed_and_written(tmp_path):
    path = tmp_path / "link.json"
    result = run("link", *SMALL, "--json", str(path))
    assert result.returncode == 0, result.stderr
    content = json.loads(path.read_text())
    assert result.stdout.startswith(content["title"])
    for name, ratio in content["ratios"].items():
        assert f"{name}: {ratio:.3g}" in result.stdout


def test_every_figure_explains_its_options():
    result = run("--help")
    assert result.returncode == 0
    for figure in ("data", "inference", "train", "link", "evaluate", "stream"):
        assert figure in result.stdout


def test_bad_input_ends_in_one_message(tmp_path):
    result = run("train", "--config-file", str(tmp_path / "none.yaml"))
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith("error: there is no configuration")
