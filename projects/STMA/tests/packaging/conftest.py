"""Access to the repository's packaging/, which the project does not have in another repository."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

PACKAGING = Path(__file__).resolve().parents[4] / "packaging"


@pytest.fixture
def load(monkeypatch):
    """Import a module of packaging/ by its name."""
    if not (PACKAGING / "bootstrap.py").is_file():
        pytest.skip("the project lies in another repository")
    monkeypatch.syspath_prepend(PACKAGING)
    return importlib.import_module
