"""Lists of class names in the two forms that data sets have."""

from __future__ import annotations

import pytest

from stma_d2.data.formats.label_list import decode, read_label_list
from stma_d2.data.formats.members import Member
from stma_d2.errors import InputError


@pytest.fixture
def member(tmp_path):
    def make(name, content):
        (tmp_path / name).write_bytes(content)
        return Member(str(tmp_path / name))

    return make


def test_one_name_a_line(member):
    text = "\ufeffrun\r\nhigh jump\nönd\n\n".encode()
    assert read_label_list(member("l.txt", text)) == {1: "run", 2: "high jump", 3: "önd"}


def test_entries_of_ava(member):
    text = (
        b"item {\n  name: \"stand\"\n  id: 12\n}\nlabel { label_id: 3 name: 'sit' label_type: X }"
    )
    assert read_label_list(member("l.pbtxt", text)) == {12: "stand", 3: "sit"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.txt", b"run\n\njump\n", r"l\.txt, line 2: empty"),
        ("l.txt", b"run\xff", "no text in UTF-8 .byte 3.; save it as UTF-8"),
        ("l.csv", b"id,name\n1,run\n", r"l\.csv is a table; make it a \.txt of one name a line"),
        ("l.pbtxt", b"", r"l\.pbtxt has no entries such as item"),
        ("l.pbtxt", b'\nitem { name: "a" }', r"l\.pbtxt, line 2: an entry without a name or an id"),
        ("l.pbtxt", b'item {name: "a" id: 1}\nitem {name: "b" id: 1}', "line 2: the id 1 is there"),
    ],
)
def test_wrong_lists_are_named(member, name, content, message):
    with pytest.raises(InputError, match=message):
        read_label_list(member(name, content))


def test_text_has_no_byte_order_mark(member):
    assert decode(member("a.txt", b"\xef\xbb\xbfa")) == "a"
