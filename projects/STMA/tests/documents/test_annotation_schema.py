"""The JSON Schema of annotations, and the page's table, against what the reader takes."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

from stma_d2.data import load_annotations
from stma_d2.data.json_annotations import from_json, to_json
from stma_d2.errors import InputError

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is missing: pip install it")

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA = json.loads((DOCS / "annotations.schema.json").read_text())
PAGE = (DOCS / "ANNOTATIONS.md").read_text()
(EXAMPLE,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
TUBE = ("videos", "clip_1", "tubes", 0)
# Place of a value, and what stands there in its stead; None removes the key.
BOTH_TAKE = [
    (("format",), None),
    (("splits",), []),
    (("comment",), "other keys are not read"),
    (("splits", 0, "test"), []),
    (("videos", "clip_1", "tubes"), []),
    (("videos", "clip_1", "num_frames"), 10_000_000),
    (("videos", "clip_1", "height"), 32_767),
    ((*TUBE, "score"), 0.25),
    ((*TUBE, "boxes", 0), [-5, 0, 1e6, 3.5]),
]
BOTH_REFUSE = [
    (("version",), None),
    (("version",), 2),
    (("version",), "1"),
    (("labels",), None),
    (("labels",), []),
    (("labels",), ["wave", "wave"]),
    (("labels",), ["wave", 3]),
    (("labels",), "wave"),
    (("splits",), None),
    (("splits", 0, "train"), None),
    (("splits", 0, "test"), None),
    (("splits", 0, "train"), ["clip_1", "clip_1"]),
    (("splits", 0, "train"), [1]),
    (("splits",), {"train": [], "test": []}),
    (("videos",), None),
    (("videos",), []),
    (("videos", ""), {"num_frames": 1, "height": 1, "width": 1, "tubes": []}),
    (("videos", "clip_1", "num_frames"), None),
    (("videos", "clip_1", "num_frames"), 0),
    (("videos", "clip_1", "num_frames"), 24.5),
    (("videos", "clip_1", "num_frames"), 10_000_001),
    (("videos", "clip_1", "num_frames"), "24"),
    (("videos", "clip_1", "height"), None),
    (("videos", "clip_1", "height"), 32_768),
    (("videos", "clip_1", "width"), None),
    (("videos", "clip_1", "width"), 0),
    (("videos", "clip_1", "width"), True),
    (("videos", "clip_1", "tubes"), None),
    (("videos", "clip_1", "tubes"), {}),
    ((*TUBE, "label"), None),
    ((*TUBE, "label"), 0),
    ((*TUBE, "first_frame"), None),
    ((*TUBE, "first_frame"), 0),
    ((*TUBE, "first_frame"), 1.5),
    ((*TUBE, "boxes"), None),
    ((*TUBE, "boxes"), []),
    ((*TUBE, "boxes", 0), [1, 2, 3]),
    ((*TUBE, "boxes", 0), [1, 2, 3, 4, 5]),
    ((*TUBE, "boxes", 0), [1, 2, 3, "4"]),
    ((*TUBE, "boxes", 0), [1, 2, 3, True]),
    ((*TUBE, "boxes", 0), [0, 0, 1e7, 1]),
    ((*TUBE, "score"), "high"),
]
ONLY_THE_READER_REFUSES = [
    (("splits", 0, "train"), ["clip_9"]),
    (("videos", "../clip"), {"num_frames": 1, "height": 1, "width": 1, "tubes": []}),
    ((*TUBE, "label"), "swim"),
    ((*TUBE, "first_frame"), 24),
    ((*TUBE, "boxes", 0), [5, 2, 3, 4]),
    ((*TUBE, "boxes", 0), [1, 5, 3, 4]),
    (("videos", "clip_1", "num_frames"), 24.0),
]


def changed(place, value):
    content = json.loads(EXAMPLE)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    if value is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return content


def is_valid(content) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(content)


def is_read(content, path) -> bool:
    path.write_text(json.dumps(content))
    try:
        load_annotations(path)
    except InputError:
        return False
    return True


def test_the_schema_is_one_and_takes_the_examples(tmp_path):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    guide = re.search(r"```json\n(.*?)```", (DOCS / "OWN_DATA.md").read_text(), re.DOTALL)
    for text in (EXAMPLE, guide[1], to_json(from_json(EXAMPLE.encode()))):
        assert is_valid(json.loads(text)) and is_read(json.loads(text), tmp_path / "a.json")


@pytest.mark.parametrize(
    ("place", "value", "schema", "reader"),
    [
        *((place, value, True, True) for place, value in BOTH_TAKE),
        *((place, value, False, False) for place, value in BOTH_REFUSE),
        *((place, value, True, False) for place, value in ONLY_THE_READER_REFUSES),
    ],
    ids=str,
)
def test_schema_and_reader_agree(tmp_path, place, value, schema, reader):
    content = changed(place, copy.deepcopy(value))
    assert (is_valid(content), is_read(content, tmp_path / "a.json")) == (schema, reader)


def test_the_page_has_every_key_of_the_schema():
    table = PAGE[PAGE.index("| place | key |") :]
    definitions = [SCHEMA, *(SCHEMA["$defs"][name] for name in ("split", "video", "tube"))]
    keys = {key for definition in definitions for key in definition["properties"]}
    rows = re.findall(r"^\|[^|]*\|([^|]*)\|", table, re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == keys
