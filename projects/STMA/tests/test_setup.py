"""What setup.py tells pip, without any installation."""

from __future__ import annotations

import runpy
import site
import sys
from pathlib import Path

import pytest
import setuptools

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def setup_arguments(monkeypatch):
    """Run setup.py and return what it hands to setuptools."""

    def run() -> dict:
        arguments = {}
        monkeypatch.setattr(setuptools, "setup", lambda **given: arguments.update(given))
        monkeypatch.chdir(PROJECT)
        runpy.run_path(str(PROJECT / "setup.py"))
        return arguments

    return run


@pytest.mark.parametrize("present", [True, False])
def test_opencv_is_asked_for_only_where_cv2_is_missing(
    setup_arguments, monkeypatch, tmp_path, present
):
    if present:
        (tmp_path / "cv2").mkdir()
        (tmp_path / "cv2" / "__init__.py").touch()
    # As in pip's isolated build: the environment's packages are not on sys.path.
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path)])
    monkeypatch.setattr(site, "getusersitepackages", lambda: str(tmp_path / "user"))
    required = setup_arguments()["install_requires"]
    assert ("opencv-python-headless" in required) is not present


def test_every_package_is_installed(setup_arguments):
    packages = setup_arguments()["packages"]
    folders = {path.parent for path in (PROJECT / "stma_d2").rglob("*.py")}
    expected = {".".join(folder.relative_to(PROJECT).parts) for folder in folders}
    assert expected == set(packages) - {"stma_d2.model_zoo.configs"}


def test_pages_templates_are_installed(setup_arguments):
    (pattern,) = setup_arguments()["package_data"]["stma_d2.visualization"]
    folder = PROJECT / "stma_d2" / "visualization"
    assert {path.name for path in folder.glob(pattern)} >= {"report.html", "player.js", "style.css"}
