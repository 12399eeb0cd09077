"""XML is read with its lines; what it could refer to or grow to is refused."""

from __future__ import annotations

import pytest

from stma_d2 import safe_xml
from stma_d2.errors import InputError
from stma_d2.safe_xml import read_xml


def test_children_come_with_their_lines_attributes_and_text():
    text = b'<r>\n <a x="1">one&amp;<b/>two</a>\n <c/></r>'
    first, second = read_xml(text, "f.xml", "r")
    assert (first.tag, first.attributes, first.line, first.text) == ("a", {"x": "1"}, 2, "one&two")
    assert [child.tag for child in first.children] == ["b"]
    assert (second.tag, second.line) == ("c", 3)


def test_search_finds_the_first_child_and_all_descendants():
    (element,) = read_xml(b"<r><a><n>x</n><b><n>y</n></b><e> </e></a></r>", "f.xml", "r")
    assert element.child("n").text == "x" and element.child("q") is None
    assert element.text_of("n") == "x"
    assert element.text_of("e") is None and element.text_of("q") is None
    assert [found.text for found in element.descendants("n")] == ["x", "y"]


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n + 1, b"&l%d;" % n * 10) for n in range(9))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'<!DOCTYPE r [<!ENTITY l0 "ha">' + LAUGHS + b"]><r>&l9;</r>", "line 1: .*DOCTYPE"),
        (b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>', "DOCTYPE"),
        (b'<!DOCTYPE r SYSTEM "http://127.0.0.1:9/r.dtd"><r/>', "DOCTYPE"),
        (b"<r>&e;</r>", "line 1: not well-formed XML .undefined entity"),
        (b"<r>\n<a></r>", "line 2: not well-formed XML .mismatched tag"),
        (b"<r>", "not well-formed XML"),
        (b"", "line 1: not well-formed XML .no element found"),
        (b"\x00\x01", "not well-formed XML"),
        (b"<s/>", "the file begins with <s> where <r> was expected"),
        (b"<r>" + b"<a>" * 100_000, "nested more than 32 deep"),
        (b'<?xml version="1.0" encoding="nothing"?><r/>', "not .*XML"),
        (b'<?xml version="1.0" encoding="euc-jp"?><r/>', "not .*XML"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_file(text, message):
    with pytest.raises(InputError, match=f"^f.xml.*{message}") as caught:
        list(read_xml(text, "f.xml", "r"))
    assert "\n" not in str(caught.value)


def test_an_element_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(safe_xml, "MAX_ELEMENTS", 3)
    assert len(list(read_xml(b"<r>" + b"<a><b/><b/></a>" * 9 + b"</r>", "f.xml", "r"))) == 9
    with pytest.raises(InputError, match="one element holds more than 3 others"):
        list(read_xml(b"<r><a>" + b"<b/>" * 4 + b"</a></r>", "f.xml", "r"))


def test_a_long_document_is_read_in_pieces(monkeypatch):
    monkeypatch.setattr(safe_xml, "_CHUNK", 7)
    text = "<r>" + "".join(f"<a n='{n}'>é{n}</a>" for n in range(50)) + "</r>"
    found = [(e.attributes["n"], e.text) for e in read_xml(text.encode(), "f.xml", "r")]
    assert found == [(str(n), f"é{n}") for n in range(50)]
