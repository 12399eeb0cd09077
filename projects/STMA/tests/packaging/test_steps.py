from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest


def test_small_disk_is_refused(load, monkeypatch, tmp_path):
    steps = load("steps")
    monkeypatch.setattr(steps.shutil, "disk_usage", lambda path: SimpleNamespace(free=7 * 10**9))
    steps.check_disk({tmp_path: 6 * 10**9})
    other = tmp_path / "tmp"
    other.mkdir()
    message = r"installing takes 8 GB, and the disk of .* has 7\.0 GB left"
    with pytest.raises(steps.SetupError, match=message):
        steps.check_disk({tmp_path: 6 * 10**9, other: 2 * 10**9})


def test_unreachable_index_is_recognized_in_what_pip_prints(load, tmp_path):
    steps = load("steps")
    command = [sys.executable, "-m", "pip", "--isolated", "download", "--retries=1"]
    command += ["--index-url=http://127.0.0.1:9/simple", "--dest", tmp_path, "stma-no-such-package"]
    with pytest.raises(steps.SetupError, match="Fetching: the Python package index cannot be"):
        steps.run_step("Fetching", command, tmp_path / "log")


def test_failed_step_shows_the_end_of_its_output(load, tmp_path, capsys):
    steps = load("steps")
    code = "import sys; print(*range(50), sep='\\n'); sys.exit(3)"
    with pytest.raises(steps.SetupError, match="Trying: failed with the message above") as error:
        steps.run_step("Trying", [sys.executable, "-c", code], tmp_path / "log")
    assert not isinstance(error.value, steps.DamageError)
    assert capsys.readouterr().err.split() == [str(i) for i in range(30, 50)]
    assert (tmp_path / "log").read_text().split() == [str(i) for i in range(50)]


@pytest.mark.parametrize(
    "code", ["import os; os.kill(os.getpid(), 9)", "raise OSError(28, 'No space left on device')"]
)
def test_killed_step_and_full_disk_count_as_damage(load, tmp_path, code):
    steps = load("steps")
    with pytest.raises(steps.DamageError):
        steps.run_step("Trying", [sys.executable, "-c", code], tmp_path / "log")
