"""The benchmark's two files: read, refused, and written so that they score as the tubelets do."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from stma_d2.data import load_annotations
from stma_d2.errors import InputError
from stma_d2.evaluation import (
    FRAME_FILE,
    PROTOCOLS,
    TUBE_FILE,
    get_protocol,
    load_frame_boxes,
    load_tubes,
    run_evaluation,
    save_benchmark_files,
    score,
)
from stma_d2.safe_pickle import UnsafePickleError

BOX = (0, 0, 10, 10)
ROW = (1, 3, 0, 0.5, *BOX)
TUBE = np.array([(frame, *BOX, 0.5) for frame in (3, 4)], np.float32)


@pytest.fixture
def truth(make):
    """Test videos b and a in this order, and one for training."""
    return make.annotate("xy", b=(9, [make.tube(1, 9, BOX)]), a=(9, []), train=(9, []))


@pytest.fixture
def read(tmp_path, truth):
    """``read(load, content)`` is what ``load`` makes of the pickled content."""

    def read(load, content):
        (tmp_path / "file.pkl").write_bytes(pickle.dumps(content))
        return load(tmp_path / "file.pkl", truth, ("b", "a"))

    return read


def test_the_benchmarks_own_figures(shared):
    folder = shared / "golden" / "multisports"
    annotations = load_annotations(folder / "multisports_GT.pkl")
    videos = annotations.splits[0].test
    boxes = load_frame_boxes(folder / FRAME_FILE, annotations, videos)
    tubes = load_tubes(folder / TUBE_FILE, annotations, videos)
    evaluation = score(boxes, tubes, annotations, sorted(videos), get_protocol("multisports"))
    expected = json.loads((folder / "expected.json").read_text())
    assert len(expected) == 6 and evaluation.means == pytest.approx(expected, abs=1e-9)


def test_rows_count_videos_in_the_annotations_order(read):
    rows = np.array([ROW, (0, 9, 1, -2, *BOX), (1, 1, 1, 7, *BOX)])
    for content in (rows, list(rows), tuple(rows)):
        found = read(load_frame_boxes, content)
        assert list(found) == ["b", "a"]
        assert found["a"].frames.tolist() == [3, 1]
        assert found["a"].labels.tolist() == [0, 1]
        assert found["a"].scores.tolist() == [0.5, 7]
        assert found["b"].boxes.tolist() == [list(BOX)]
    assert read(load_frame_boxes, []) == read(load_frame_boxes, np.zeros((0, 8))) == {}


@pytest.mark.parametrize(
    ("given", "kept"), [("f4", "f4"), ("f8", "f8"), ("f2", "f4"), ("i4", "f8")]
)
def test_numbers_keep_the_files_precision(read, given, kept):
    boxes = read(load_frame_boxes, np.array([ROW], given))["a"]
    assert boxes.boxes.dtype == boxes.scores.dtype == kept
    (tube,) = read(load_tubes, {0: [("b", 1, TUBE.astype(given))]})["b"]
    assert tube.boxes.dtype == kept


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, 2, "row 1 names a video beyond the 2 of the split .video, frame, label, .*: 2, 3, 0"),
        (0, -1, "row 1 has a negative video number"),
        (0, 0.5, "row 1 has a video, frame or label that is no whole number"),
        (1, 0, "row 1 has a frame below 1; frames count from 1"),
        (1, 2.0**31, "row 1 has a frame number beyond 31 bits"),
        (2, 2, "row 1 has a label that is not among the annotations' 0 to 1"),
        (2, -1, "row 1 has a label"),
        (1, 10, "row 1 has a frame beyond the video's end"),
        (0, np.nan, "row 1 has a number that is NaN or infinite"),
        (3, np.nan, "row 1 has a number that is NaN or infinite"),
        (7, np.inf, "row 1 has a number that is NaN or infinite"),
    ],
)
def test_a_row_that_cannot_be_is_named(read, place, value, message):
    rows = np.array([ROW, ROW])
    rows[1, place] = value
    with pytest.raises(InputError, match=f"file.pkl: {message}"):
        read(load_frame_boxes, rows)


def test_boxes_of_another_order_are_told(read, caplog):
    """x2, y2, x1, y1; MOC's sizes may also be negative, so a few are no reason to refuse."""
    read(load_frame_boxes, np.array([ROW, (1, 3, 0, 0.5, 10, 9, 0, 0)]))
    told = "boxes have x2 < x1 or y2 < y1 and match nothing, the first 10, 9, 0, 0; a box is x1,"
    assert f"file.pkl: 1 of 2 {told}" in caplog.text
    caplog.clear()
    read(load_tubes, {0: [("b", 1.0, TUBE), ("b", 1.0, TUBE[:, [0, 3, 4, 1, 2, 5]])]})
    assert "file.pkl: 2 of 4 boxes have x2 < x1" in caplog.text
    caplog.clear()
    read(load_frame_boxes, np.array([ROW]))
    assert not caplog.text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({0: []}, "a dict"),
        (np.zeros((3, 7)), r"an array of float64 of shape \(3, 7\)"),
        (np.zeros(8), "an array of float64 of shape .8,."),
        (np.array([["a"] * 8]), "an array of <U1 of shape .1, 8."),
        ([np.zeros(8), np.zeros(7)], "a list"),
        ([list(ROW)], "a list"),
        (3, "3"),
        (None, "a NoneType"),
    ],
)
def test_what_is_no_file_of_boxes_is_refused(read, content, kind):
    with pytest.raises(InputError, match=f"file.pkl holds {kind}, but boxes on frames are"):
        read(load_frame_boxes, content)


def test_tubes_by_video_in_the_files_order(read):
    late = TUBE + np.array([4, 0, 0, 0, 0, 0], np.float32)
    found = read(load_tubes, {1: [(b"b", 0.25, late)], 0: ([("b", 0.5, TUBE[:, :5])])})
    assert list(found) == ["b"]
    last, first = found["b"]
    assert (first.label, first.score, first.frames.tolist()) == (0, 0.5, [3, 4])
    assert (last.label, last.score, last.frames.tolist()) == (1, 0.25, [7, 8])
    assert first.boxes.tolist() == [list(BOX)] * 2
    assert read(load_tubes, {}) == read(load_tubes, {0: [], 1: ()}) == {}


def changed(place, value):
    rows = TUBE.copy()
    rows[place] = value
    return rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({2: []}, "label 2 is not among the annotations' 0 to 1"),
        ({0.0: []}, "a label is 0.0; it must be a whole number"),
        ({"x": []}, "a label is 'x'"),
        ({0: {}}, "label 0 holds a dict"),
        ({0: [("b", 1.0, TUBE), ("b", 1.0)]}, "label 0, tube 1 has 2 parts"),
        ({0: [("c", 1.0, TUBE)]}, "tube 0: video 'c' is not in the annotations; were the"),
        ({0: [("train", 1.0, TUBE)]}, "'train' is none of the test videos; leave out its tubes"),
        ({0: [(7, 1.0, TUBE)]}, "tube 0 is a int where text was expected"),
        ({0: [("b", float("nan"), TUBE)]}, "the score is nan; it must be a finite number"),
        ({0: [("b", 1.0, TUBE + 6)]}, "tube 0 has a frame beyond the end of the video 'b', .* 9 "),
        ({0: [("b", None, TUBE)]}, "the score is a NoneType"),
        ({0: [("b", True, TUBE)]}, "the score is True"),
        ({0: [("b", 1.0, TUBE[:, :4])]}, r"holds an array of float32 of shape \(2, 4\), not"),
        ({0: [("b", 1.0, TUBE[:0])]}, r"shape \(0, 6\), not"),
        ({0: [("b", 1.0, TUBE.tolist())]}, "holds a list, not an array"),
        ({0: [("b", 1.0, changed((0, 2), np.nan))]}, "a frame or a box that is NaN"),
        ({0: [("b", 1.0, changed((0, 0), 2.5))]}, "no whole number from 1 on"),
        ({0: [("b", 1.0, changed((slice(None), 0), (0, 1)))]}, "no whole number from 1 on"),
        ({0: [("b", 1.0, changed((1, 0), 6))]}, "has gaps; a tube covers consecutive frames"),
        ({0: [("b", 1.0, TUBE[::-1])]}, "has gaps"),
    ],
)
def test_a_tube_that_cannot_be_is_named(read, content, message):
    with pytest.raises(InputError, match=f"file.pkl: .*{message}"):
        read(load_tubes, content)


@pytest.mark.parametrize("content", [np.zeros((2, 8)), [("b", 1.0, TUBE)], None])
def test_what_is_no_file_of_tubes_is_refused(read, content):
    with pytest.raises(InputError, match="file.pkl holds a.*, but tubes are a dict"):
        read(load_tubes, content)


class Attack:
    def __reduce__(self):
        return (print, ("it ran",))


@pytest.mark.parametrize("load", [load_frame_boxes, load_tubes])
def test_damaged_and_hostile_files_are_refused(tmp_path, truth, load, capsys):
    path = tmp_path / "file.pkl"
    whole = pickle.dumps({0: [("b", 1.0, TUBE)]})
    for content in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"file\.pkl: not a readable pickle, or cut off"):
            load(path, truth, ("b", "a"))
    path.write_bytes(pickle.dumps({0: Attack()}))
    with pytest.raises(UnsafePickleError, match=r"file\.pkl: refused.*builtins\.print"):
        load(path, truth, ("b", "a"))
    assert not capsys.readouterr().out
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.pkl", truth, ("b", "a"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_written_files_score_as_their_tubelets(make, tmp_path, protocol):
    """Every class of noisy tubelets of two videos, whose order is not that of their names."""
    tubes = [make.tube(1, 30, BOX), make.tube(5, 28, (20, 0, 40, 30), 1)]
    truth = make.annotate("xy", v=(30, tubes), u=(30, tubes[:1]))
    rng = np.random.default_rng(0)
    found = {}
    for video in "uv":
        one = make.follow(tubes, 30, 3, 2)
        one.boxes[:] += rng.uniform(-4, 4, one.boxes.shape)
        one.scores[:] = rng.choice([0.25, 0.5, 0.75], one.scores.shape)
        found[video] = one
    rules = get_protocol(protocol)
    save_benchmark_files(tmp_path, found, truth, ("v", "u"), rules)
    boxes = load_frame_boxes(tmp_path / FRAME_FILE, truth, ("v", "u"))
    read = load_tubes(tmp_path / TUBE_FILE, truth, ("v", "u"))
    expected = run_evaluation(found, truth, ("v", "u"), rules)
    again = score(boxes, read, truth, ["u", "v"], rules)
    assert 0 < expected.means["video_mAP@0.5"] < 100
    assert (again.flat(), again.errors) == (expected.flat(), expected.errors)


def test_written_files_are_those_of_the_benchmark(make, tmp_path):
    """One actor of class y on all 15 frames: a row for each, and a list of tubes for each label."""
    truth = make.annotate("xy", v=(15, []), u=(15, [make.tube(1, 15, BOX, 1)]))
    found = {"u": make.follow([make.tube(1, 15, BOX, 1)], 15, 3, 2)}
    save_benchmark_files(tmp_path / "new", found, truth, ("v", "u"), get_protocol("act"))
    rows = pickle.loads((tmp_path / "new" / FRAME_FILE).read_bytes())
    assert rows.shape == (15, 8), "what overlaps is suppressed by act"
    assert rows[2].tolist() == [1, 3, 1, np.float32(0.9), *BOX]
    tubes = pickle.loads((tmp_path / "new" / TUBE_FILE).read_bytes())
    assert list(tubes) == [0, 1] and tubes[0] == []
    ((video, value, array),) = tubes[1]
    assert (video, type(value), value) == ("u", float, pytest.approx(0.9))
    assert array.shape == (15, 6) and array[0].tolist() == [1, *BOX, value]


def test_weak_boxes_may_be_left_out_of_the_file(make, tmp_path):
    truth = make.annotate("x", v=(15, [make.tube(1, 15, BOX)]))
    found = make.follow([make.tube(1, 15, BOX)], 15, 1, 1)
    found.scores[5:] = 0.1
    save_benchmark_files(tmp_path, {"v": found}, truth, ("v",), get_protocol("moc"), 0.2)
    boxes = load_frame_boxes(tmp_path / FRAME_FILE, truth, ("v",))
    assert boxes["v"].frames.tolist() == [1, 2, 3, 4, 5]
    (tube,) = load_tubes(tmp_path / TUBE_FILE, truth, ("v",))["v"]
    assert len(tube) == 15
