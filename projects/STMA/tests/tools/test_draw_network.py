"""The drawing says the network's sizes, and lies in the documents as it is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DRAWING = Path(__file__).resolve().parents[2] / "docs" / "network.svg"


@pytest.fixture(scope="module")
def drawn(tool, tmp_path_factory):
    """The texts of a fresh drawing."""
    path = tmp_path_factory.mktemp("drawing") / "network.svg"
    tool("draw_network").main(["--output", str(path)])
    return texts(path)


def texts(path):
    return re.findall(r"<text[^>]*>([^<]+)</text>", path.read_text())


def test_the_sizes_are_the_papers(drawn):
    """Section 2 of the paper: f is K x 64 x 72 x 72, F 2048 x 1 x 9 x 9, K = 5, T = 16, N = 10."""
    expected = {"T = 16 frames", "K = 5 frames", "F: 2048 x 9 x 9", "64 x 72 x 72", "N = 10"}
    assert expected <= set(drawn)
    assert "class map: 24 x 9 x 9" in drawn and "sizes: K x 4 x 72 x 72" in drawn


def test_the_documents_have_the_drawing_of_today(drawn):
    assert texts(DRAWING) == drawn
