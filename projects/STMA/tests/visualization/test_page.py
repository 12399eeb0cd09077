from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from stma_d2.visualization.figures import new_figure
from stma_d2.visualization.page import render_page, write_page

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Tags(HTMLParser):
    """All elements of a page, with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def content(text):
    figure = new_figure(2, 1)
    figure.subplots().set_title(text)
    video = {
        "name": text,
        "width": 32,
        "height": 24,
        "num_frames": 2,
        "numbers": [1, 2],
        "pictures": [],
        "problem": text,
        "milliseconds": 40,
        "least_score": 0.05,
        "tubes": [
            {"kind": k, "label": text, "score": s, "first": 1, "last": 2, "boxes": [None, None]}
            for k, s in (("truth", None), ("found", 0.5))
        ],
    }
    result = {
        "dataset": text,
        "settings": [(text, text)],
        "metrics": {"head": ["", text], "rows": [[text, text]]},
        "notes": [text],
        "plots": [(figure, text)],
        "classes": {"head": [text], "rows": [[text]]},
        "videos": [(text, [(video, text)])],
        "videos_problem": text,
        "videos_note": text,
        "min_score": 0.2,
    }
    return {"name": text, "settings": [(text, text)], "results": [result], "training": []}


def test_no_text_becomes_an_element_of_the_page():
    harmless = Tags(render_page("report.html", **content("a"))).found
    evil = Tags(render_page("report.html", **content(EVIL))).found
    evil, harmless = ([one for one in tags if one[0] != "wbr"] for tags in (evil, harmless))
    assert [tag for tag, _ in evil] == [tag for tag, _ in harmless]
    assert not [tag for tag, attributes in evil if any(a.startswith("on") for a in attributes)]


def test_a_page_names_nothing_outside_itself():
    page = render_page("report.html", **content("a"))
    for tag, attributes in Tags(page).found:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    assert not re.findall(r"@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_what_a_template_needs_must_be_there(tmp_path):
    path = tmp_path / "page.html"
    with pytest.raises(UndefinedError):
        write_page(path, "report.html", name="a", settings=[], results=[])
    assert not path.exists()
    write_page(path, "report.html", name="a", settings=[], results=[], training=[])
    assert "no record of a training" in path.read_text()
