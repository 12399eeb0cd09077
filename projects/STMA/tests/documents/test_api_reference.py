"""`make docs` writes a page for each package, without a warning."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pdoc", reason="pdoc is missing: pip install pdoc")
PROJECT = Path(__file__).resolve().parents[2]
REPOSITORY = PROJECT.parents[1]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The folder that `make docs` would write, and what it printed."""
    if not shutil.which("make"):
        pytest.skip("make is missing")
    # Under `make test` this make would be one inside another, and say so in its first line.
    command = ["make", "--dry-run", "--no-print-directory", "docs"]
    recipe = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    words = shlex.split(recipe.stdout.replace("\\\n", "").splitlines()[0])
    assert words[:2] == ["sh", "packaging/python.sh"]
    folder = tmp_path_factory.mktemp("reference")
    words[words.index("projects/STMA/docs/api")] = str(folder)
    done = subprocess.run(
        [sys.executable, *words[2:]], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout + done.stderr


def test_nothing_is_warned_of(reference):
    assert reference[1] == ""


def test_every_package_has_a_page_with_its_public_names(reference):
    folder, _ = reference
    packages = [path.parent for path in PROJECT.glob("stma_d2/**/__init__.py")]
    for package in packages:
        page = folder / package.relative_to(PROJECT).with_suffix(".html")
        assert page.is_file(), page
    text = (folder / "stma_d2/inference.html").read_text()
    assert 'id="NetworkUser.from_pretrained"' in text and 'id="VideoPredictor"' in text
    assert '<h6 id="arguments">Arguments:</h6>' in text
    assert 'id="DLA34"' in (folder / "stma_d2/modeling/backbone.html").read_text()


def test_the_folder_is_ignored_by_git():
    if not shutil.which("git") or not (REPOSITORY / ".git").exists():
        pytest.skip("no git repository")
    command = ["git", "check-ignore", "--quiet", "projects/STMA/docs/api/index.html"]
    assert subprocess.run(command, cwd=REPOSITORY).returncode == 0
