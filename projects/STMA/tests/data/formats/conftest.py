"""What the tests of formats share."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stma_d2.data.formats import FormatSettings, Report

FILES = Path(__file__).parent / "files"


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def settings() -> FormatSettings:
    return FormatSettings()


@pytest.fixture(scope="session")
def cvat_file() -> Path:
    """A task with every kind of element."""
    return FILES / "cvat_video_1_1.xml"


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., str]:
    """``make_zip(name, {path: content})`` writes a zip file."""

    def make(name: str, contents: dict[str, str | bytes]) -> str:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for inner, content in contents.items():
                archive.writestr(inner, content)
        return str(path)

    return make
