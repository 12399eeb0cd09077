from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import cv2
import pytest

from stma_d2.visualization.figures import (
    INK,
    Margins,
    new_figure,
    new_panels,
    shortened,
    style,
    to_svg,
    write_png,
)


@pytest.fixture
def make_figure():
    def make(title):
        with style():
            figure = new_figure(2, 1)
            axes = figure.subplots()
            axes.plot([0, 1], [0, 1])
            axes.set_title(title)
            return figure

    return make


def texts(svg):
    return [
        "".join(e.itertext())
        for e in ElementTree.fromstring(svg).iter()
        if e.tag == "{http://www.w3.org/2000/svg}text"
    ]


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", "a & b", "costs $5 or $6", "走る"])
def test_an_svg_holds_labels_as_text(make_figure, label):
    svg = to_svg(make_figure(label))
    assert label in texts(svg)
    assert "<script" not in svg


def test_an_svg_takes_the_color_of_the_text_around_it(make_figure):
    svg = to_svg(make_figure("title"))
    assert svg.startswith("<svg") and "currentColor" in svg
    assert INK not in svg and "#ffffff" not in svg
    assert 'g id="' not in svg  # several in a page would have the same


def test_the_same_figure_has_the_same_bytes(make_figure, tmp_path):
    assert to_svg(make_figure("title")) == to_svg(make_figure("title"))
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, make_figure("title"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture.shape == (150, 300, 3) and picture[0, 0].tolist() == [255, 255, 255]


def test_panels_come_row_by_row_and_do_not_meet():
    """Five panels of 2 x 1 inches in three columns, 0.5 inches at the left and 0.4 below of all."""
    figure, panels = new_panels(5, 3, (2, 1), Margins(0.5, 0.4, 0.3, 0.2))
    assert figure.get_size_inches().tolist() == [6.5, 2.4]
    inches = [axes.get_position().extents * [6.5, 2.4, 6.5, 2.4] for axes in panels]
    assert inches[0][:2].tolist() == pytest.approx([0.5 + 0.3, 0.4 + 1 + 0.2])
    assert inches[4][:2].tolist() == pytest.approx([0.5 + 2 + 0.3, 0.4 + 0.2])
    for index, (left, bottom, right, top) in enumerate(inches):
        row, column = divmod(index, 3)
        assert 0.5 + 2 * column <= left < right <= 0.5 + 2 * (column + 1)
        assert 0.4 + (1 - row) <= bottom < top <= 0.4 + (2 - row)


def test_long_labels_are_shortened():
    assert shortened(["abc", "abcd", "abcde"], 4) == ["abc", "abcd", "abc…"]


def test_a_label_in_another_script_takes_a_font_that_has_it(monkeypatch, make_figure, tmp_path):
    """As where a machine has a font for it: matplotlib is told the font's family."""
    monkeypatch.setattr("stma_d2.visualization.figures.font_families", lambda texts: [*texts])
    with style(["DejaVu Sans Mono"]):
        mono = new_figure(2, 1).text(0, 0, "a").get_fontfamily()
    assert mono == ["DejaVu Sans Mono"]


@pytest.mark.filterwarnings("error")
def test_characters_without_a_font_make_no_noise(make_figure, tmp_path):
    write_png(tmp_path / "a.png", make_figure(chr(0x10FFFD)))
