"""Links lead somewhere, and every document is found from the index."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
REPOSITORY = PROJECT.parents[1]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The headings' names in links, by GitHub's rule."""
    headings = re.findall(r"^#+ (.*)$", without_code(path.read_text()), re.MULTILINE)
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in kept}


def links(document: Path) -> list[tuple[Path, str]]:
    """The files and anchors that a document names."""
    found = LINK.findall(without_code(document.read_text()))
    local = [link.partition("#") for link in found if not re.match(r"https?://|mailto:", link)]
    return [
        ((document.parent / path).resolve() if path else document, name) for path, _, name in local
    ]


def test_every_link_leads_to_a_file_and_a_heading(document):
    for path, name in links(document):
        assert path.exists(), path
        assert not name or name in anchors(path), f"{path.name}#{name}"


def test_every_document_is_in_the_index(document):
    index = PROJECT / "docs" / "README.md"
    is_start = document in (index, REPOSITORY / "README.md")
    assert is_start or document in {path for path, _ in links(index)}


def test_folders_and_files_in_code_marks_exist(document):
    """Paths into the package, the configurations, the tools and the tests."""
    text = without_code(document.read_text())
    for path in re.findall(r"`((?:stma_d2|configs|tools|tests)/[\w./-]+)`", text):
        if "..." not in path:
            assert (PROJECT / path).exists(), path
