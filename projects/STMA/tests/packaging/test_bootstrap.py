from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def fake_python(tmp_path):
    """Make an executable that claims to be some version of Python."""

    def make(version: str) -> str:
        path = tmp_path / f"python{version}"
        path.write_text(f"#!/bin/sh\necho {version.replace('.', ' ')}\n")
        path.chmod(0o755)
        return str(path)

    return make


def test_first_supported_interpreter_is_chosen(load, fake_python):
    paths = [fake_python("3.13"), "/missing/python", fake_python("3.12"), fake_python("3.10")]
    assert load("bootstrap").choose(paths) == paths[2]


def test_python_named_by_the_user_is_the_only_candidate(load):
    bootstrap = load("bootstrap")
    assert bootstrap.candidates("/opt/python", "/usr/bin/python3", "/x/.venv/bin/python") == [
        "/opt/python"
    ]
    assert bootstrap.candidates(None, "/usr/bin/python3", "/x/.venv/bin/python")[:2] == [
        "/usr/bin/python3",
        "/x/.venv/bin/python",
    ]


@pytest.mark.parametrize(
    "version, state", [("3.9", "is Python 3.9"), ("3.13", "is Python 3.13"), ("x", "does not run")]
)
def test_unsuitable_python_ends_in_one_sentence(load, fake_python, version, state):
    named = fake_python(version)
    result = subprocess.run(
        [sys.executable, load("bootstrap").__file__],
        env=os.environ | {"PYTHON": named},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(
        f"error: Python 3.10, 3.11 or 3.12 is needed, and {named} {state}"
    )
    assert result.stderr.count("\n") == 1
