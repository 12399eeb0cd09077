"""Which files a demo writes."""

from __future__ import annotations

import pytest

from stma_d2.errors import InputError
from stma_d2.inference.outputs import plan_outputs


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mp4", "other/a.mp4", "full/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def plan(names, inputs=("a.mp4",)):
    return [(output.path, output.ending, output.inputs) for output in plan_outputs(names, inputs)]


def test_the_ending_chooses_the_format(root):
    one = ("a.mp4",)
    assert plan(["o.MP4", "o.gif", "o.json", "o.csv", "o", "v1.2/", "empty"]) == [
        ("o.MP4", ".mp4", one),
        ("o.gif", ".gif", one),
        ("o.json", ".json", one),
        ("o.csv", ".csv", one),
        ("o", "", one),
        ("v1.2", "", one),
        ("empty", "", one),
    ]


def test_several_inputs_have_drawings_of_their_own_and_tables_together(root):
    inputs = ("a.mp4", "b.mp4")
    assert plan(["out/{name}.gif", "all.json", "pictures", "{name}.csv"], inputs) == [
        ("out/a.gif", ".gif", ("a.mp4",)),
        ("out/b.gif", ".gif", ("b.mp4",)),
        ("all.json", ".json", inputs),
        ("pictures/a", "", ("a.mp4",)),
        ("pictures/b", "", ("b.mp4",)),
        ("a.csv", ".csv", ("a.mp4",)),
        ("b.csv", ".csv", ("b.mp4",)),
    ]


@pytest.mark.parametrize(
    ("names", "inputs", "message"),
    [
        (["o.avi"], ["a.mp4"], r"o\.avi ends in \.avi; what can be written: \.json, \.csv"),
        (["o.mp4"], ["a.mp4", "b.mp4"], r"2 inputs .* one o\.mp4: .* such as o-\{name\}\.mp4"),
        (["o.xml"], ["a.mp4", "b.mp4"], r"2 inputs .* one o\.xml: .* such as o-\{name\}\.xml"),
        (["{name}.gif"], ["a.mp4", "other/a.mp4"], r"a\.mp4 and other/a\.mp4 would both .* a\.gif"),
        (["o.csv", "./o.csv"], ["a.mp4"], r"would both be written to \./o\.csv"),
        (["other/../a.mp4"], ["a.mp4"], "is the input itself"),
        (["{name}.mp4"], ["other/a.mp4", "b.mp4"], r"output b\.mp4 is the input itself"),
        (["full"], ["a.mp4"], "full is a folder that is not empty"),
        (["a.mp4/"], ["b.mp4"], r"a\.mp4 is there and no folder"),
        (["b.mp4/o"], ["a.mp4"], "cannot be written"),
        (["b.mp4/o.csv"], ["a.mp4"], "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_refused(root, names, inputs, message):
    with pytest.raises(InputError, match=message):
        plan_outputs(names, inputs)
    assert (root / "a.mp4").stat().st_size == 0 and not (root / "o.csv").exists()
