"""Annotations in JSON: read as documented, refused with the place where a value is wrong."""

from __future__ import annotations

import pytest

from stma_d2.data.json_annotations import from_json, to_json
from stma_d2.errors import InputError
from stma_d2.structures import Split

TEXT = """{
  "format": "stma-tubes", "version": 1, "labels": ["Run", "Jump"],
  "splits": [{"train": ["v"], "test": []}],
  "videos": {"v": {"num_frames": 3, "height": 24, "width": 32, "tubes": [
    {"label": "Jump", "first_frame": 2, "boxes": [[0, 1, 2.5, 3], [0, 1, 4, 3]]},
    {"label": "Run", "first_frame": 1, "boxes": [[5, 5, 6, 6]]}]}}}
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_content_is_read_as_documented(encoding):
    annotations = from_json(TEXT.encode(encoding))
    assert annotations.labels == ("Run", "Jump")
    assert annotations.splits == (Split(train=("v",), test=()),)
    run, jump = annotations.videos["v"].tubes
    assert (run.label, run.frames.tolist(), run.boxes.tolist()) == (0, [1], [[5, 5, 6, 6]])
    assert (jump.label, jump.frames.tolist()) == (1, [2, 3])
    assert jump.boxes.tolist() == [[0, 1, 2.5, 3], [0, 1, 4, 3]]


TUBE = "video 'v', tube 0, "


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"Jump", "first', '"Fly", "first', "video 'v', tube 0: label 'Fly' is not among"),
        ("[0, 1, 4, 3]", "[0, 1, 4]", TUBE + "boxes: item 1 is no list of four numbers"),
        ("[0, 1, 4, 3]", "[0, 1, 4, true]", TUBE + "boxes: item 1 is no list of four"),
        ("[0, 1, 4, 3]", '[0, 1, 4, "3"]', TUBE + "boxes: item 1 is no list of four"),
        ("[0, 1, 4, 3]", "null", TUBE + "boxes: item 1 is no list of four"),
        ("[0, 1, 4, 3]", f"[0, 1, 4, 1{'0' * 400}]", TUBE + "boxes: a number is too large"),
        ('"first_frame": 2', '"first_frame": 1.9', TUBE + "first_frame is 1.9; it must be a whole"),
        ('"first_frame": 2', '"first_frame": true', TUBE + "first_frame is True; it must be"),
        ('"first_frame": 2', '"first_frame": 1e12', TUBE + "first_frame is 1000000000000.0"),
        ('"first_frame": 2, ', "", "video 'v', tube 0 lacks 'first_frame'"),
        ('"height": 24', '"height": "24"', "video 'v', height is '24'; it must be a whole number"),
        ('"height": 24', '"height": 99999999999', "video 'v', height is beyond 32 bits"),
        ('"height": 24, ', "", "video 'v' lacks 'height'"),
        ('{"v": {', '{"v": {}, "v": {', "one mapping has the key 'v' twice"),
        ('"version": 1', '"version": 2', "version 2 of the format is unknown; this code reads 1"),
        ('"version": 1', '"version": true', "version is True; it must be a whole number"),
        ('"stma-tubes"', '"other"', "the file's format is 'other'; this code reads 'stma-tubes'"),
        (TEXT, '{"format": "other"}', "the file's format is 'other'; this code reads"),
        ('"test": []', '"test": "v"', "split 1, test holds 'v' where a list was expected"),
        ('"splits": [', '"splits": [[', "not readable JSON"),
        (TEXT, "[]", "the file holds a list where a mapping was expected"),
        (TEXT, "", "not readable JSON"),
        (TEXT, "[" * 100_000, "not readable JSON"),
        (TEXT, "9" * 10_000, "not readable JSON"),
    ],
)
def test_wrong_value_is_one_error_that_names_its_place(old, new, message):
    assert old in TEXT
    with pytest.raises(InputError, match=f"^{message}"):
        from_json(TEXT.replace(old, new).encode())


def test_the_formats_name_may_be_missing():
    assert from_json(TEXT.replace('"format": "stma-tubes", ', "").encode()).labels


def test_content_that_is_no_text_is_refused():
    with pytest.raises(InputError, match="not readable JSON"):
        from_json(b"\xff\xfe\xfd")


def test_a_models_tubes_have_scores_and_a_persons_have_none():
    scored = TEXT.replace('"first_frame": 2', '"first_frame": 2, "score": 0.25')
    annotations = from_json(scored.encode())
    assert [tube.score for tube in annotations.videos["v"].tubes] == [1.0, 0.25]
    written = to_json(annotations)
    assert written.count('"score": 0.25') == written.count("score") == 1
    assert from_json(written.encode()).videos["v"].tubes[1].score == 0.25
    with pytest.raises(InputError, match="tube 0, score is 'high'; it must be a number"):
        from_json(scored.replace("0.25", '"high"').encode())
