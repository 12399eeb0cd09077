"""Files are found on the disk and in zip files, and nothing of a zip file leads elsewhere."""

from __future__ import annotations

import os
import struct
import zipfile

import pytest

from stma_d2.data.formats import members
from stma_d2.data.formats.members import Member, find_members
from stma_d2.errors import InputError


def test_a_folder_has_its_files_and_those_in_its_zip_files(tmp_path, make_zip):
    make_zip("b.zip", {"gt/GT.txt": "b", "gt/labels.txt": "", "x/y.xml": "z"})
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "GT.TXT").write_text("a")
    found = find_members(str(tmp_path), "gt.txt", "*.xml")
    assert [(m.read(), m.title) for m in found] == [(b"a", "GT"), (b"b", "GT"), (b"z", "y")]
    (only,) = find_members(str(tmp_path / "a" / "GT.TXT"), "*.txt")
    assert only.read() == b"a"
    assert find_members(str(tmp_path / "a"), "*.csv") == []


@pytest.mark.parametrize(
    ("path", "title"),
    [("walk.xml", "walk"), ("all/walk/gt/gt.txt", "walk"), ("walk/annotations.xml", "walk")],
)
def test_a_file_is_called_by_what_its_place_says(tmp_path, path, title):
    assert Member(str(tmp_path / path)).title == title


def test_in_a_zip_file_its_own_name_counts(make_zip):
    path = make_zip("walk.zip", {"gt/gt.txt": "", "annotations.xml": ""})
    assert [m.title for m in find_members(path, "*")] == ["walk", "walk"]
    assert find_members(path, "*.xml")[0].source == f"{path}/annotations.xml"


def test_neighbors_are_found(tmp_path, make_zip):
    path = make_zip("a.zip", {"s/gt/gt.txt": "", "s/seqinfo.ini": "s", "s/gt/labels.txt": "l"})
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "a")
    for member in (Member("s/gt/gt.txt", path), Member(str(tmp_path / "a/s/gt/gt.txt"))):
        assert member.beside("../seqinfo.ini").read() == b"s"
        assert member.beside("labels.txt").read() == b"l"
        assert not member.beside("seqinfo.ini").exists()
        assert not member.beside("../../../../labels.txt").exists()


def test_members_are_never_unpacked(tmp_path, make_zip):
    (tmp_path / "in").mkdir()
    path = make_zip("in/a.zip", {"../../e.xml": "x"})
    (member,) = find_members(path, "*.xml")
    assert member.read() == b"x"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.zip", "in"]


def test_large_files_are_refused_before_they_are_read(tmp_path, make_zip, monkeypatch):
    monkeypatch.setattr(members, "MAX_BYTES", 1000)
    path = make_zip("bomb.zip", {"a.xml": b"0" * 100_000})
    (tmp_path / "a.xml").write_bytes(b"0" * 1001)
    for member in (*find_members(path, "*.xml"), Member(str(tmp_path / "a.xml"))):
        with pytest.raises(InputError, match=r"a\.xml has 100\d+ bytes; files of up to 1000 are"):
            member.read()


def test_a_zip_file_that_lies_about_sizes_yields_no_more_than_it_states(make_zip, tmp_path):
    path = make_zip("lie.zip", {"a.xml": b"0" * 5000})
    content = bytearray((tmp_path / "lie.zip").read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 10)
    (tmp_path / "lie.zip").write_bytes(content)
    (member,) = find_members(path, "*.xml")
    try:
        assert len(member.read()) <= 10
    except InputError as error:
        assert "not a readable zip file" in str(error)


@pytest.mark.parametrize(
    "change", ["cut", "garbage", "content", "place", "compression", "encrypted"]
)
def test_damaged_zip_files_are_one_line(tmp_path, make_zip, change):
    path = tmp_path / "a.zip"
    make_zip("a.zip", {"a.xml": b"".join(b"%d " % n for n in range(999))})
    content = bytearray(path.read_bytes())
    if change == "cut":
        del content[len(content) // 2 :]
    elif change == "garbage":
        content = bytearray(b"no zip file")
    elif change == "content":
        content[100:140] = bytes(40)
    elif change == "place":  # of the member, beyond the file
        entry = content.index(b"PK\x01\x02")
        content[entry + 42 : entry + 46] = b"\xff\xff\xff\x7f"
    elif change == "compression":
        for mark, offset in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
            content[content.index(mark) + offset] = 77
    else:
        for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
            content[content.index(mark) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip: not a readable zip file, or damaged or encry"):
        find_members(str(path), "*.xml")[0].read()


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"a\.csv is a folder, pipe or device"):
        Member(str(tmp_path / "a.csv")).read()
