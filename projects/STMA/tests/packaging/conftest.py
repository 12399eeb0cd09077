"""Access to the repository's packaging/, which the project does not have in another repository."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def packaging() -> Path:
    folder = Path(__file__).resolve().parents[4] / "packaging"
    if not (folder / "python.sh").is_file():
        pytest.skip("the project lies in another repository")
    return folder
