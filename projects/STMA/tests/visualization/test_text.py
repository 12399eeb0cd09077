"""Text in any size and script."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from stma_d2.visualization import drawable_labels, text
from stma_d2.visualization.text import font_of, text_mask


@pytest.mark.parametrize("height", [15, 30, 60])
def test_text_fills_the_height_and_nothing_is_cut(height):
    mask = text_mask("Ägy", height)
    rows = np.flatnonzero(mask.max(axis=1) > 0.3)
    assert mask.shape[0] == height and np.ptp(rows) > 0.6 * height
    whole = text_mask("Ägy", 4 * height)
    assert whole.shape[1] == pytest.approx(4 * mask.shape[1], rel=0.1)


@pytest.mark.parametrize("label", ["run", "Прыжок", "Πηδώ", "العدو"])
def test_scripts_of_the_usual_font_are_drawn(label):
    assert font_of(label) == text._USUAL_FONT
    assert text_mask(label, 20).max() == 1


def test_a_font_that_has_the_characters_is_looked_for(monkeypatch):
    """As where a machine has a font with Japanese characters."""

    class Entry:
        def __init__(self, name):
            self.name, self.fname = name, f"{name}.ttf"

    characters = {"B.ttf": {ord(c) for c in "スキー"}, text._USUAL_FONT: {ord("a")}}
    monkeypatch.setattr(text.font_manager.fontManager, "ttflist", [Entry("B"), Entry("A")])
    monkeypatch.setattr(text, "_characters", lambda path: frozenset(characters.get(path, ())))
    font_of.cache_clear()
    assert (font_of("a"), font_of("スキー"), font_of("aス")) == (text._USUAL_FONT, "B.ttf", None)
    assert text.font_families(["a", "スキー", "aス", "スキ"]) == ["sans-serif", "B"]
    font_of.cache_clear()


def test_labels_that_no_font_can_draw_become_numbers_and_are_named(caplog):
    label = chr(0x10FFFD)  # private use: no font has it
    text._warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert drawable_labels(["run", label]) == ["run", "class 1"]
        assert drawable_labels(["run", label]) == ["run", "class 1"]
    assert caplog.text.count(f"no font of this machine has all characters of {label}") == 1
    assert drawable_labels(["run"]) == ["run"]
    assert text_mask(label, 20).max() > 0, "a box, and no error"
