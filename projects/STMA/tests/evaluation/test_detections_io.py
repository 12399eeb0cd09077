from __future__ import annotations

import numpy as np
import pytest

from stma_d2.errors import InputError
from stma_d2.evaluation import get_protocol, load_detections, save_detections
from stma_d2.structures import Tubelets


def some(windows, slots, seed=0, K=3, C=2):
    rng = np.random.default_rng(seed)
    shape = len(windows), slots
    return Tubelets(np.array(windows), rng.random((*shape, K, 4)), rng.random((*shape, C)))


def test_round_trip(tmp_path):
    path = tmp_path / "new" / "detections.npz"
    detections = {
        "Walk/b ü": some([1, 2, 5], 4),
        "a": some([], 4),
        "Run/c": some([3], 2, seed=1),
        "d": some([1, 2], 0),
    }
    save_detections(path, detections)
    loaded = load_detections(path).tubelets
    assert list(loaded) == sorted(detections)
    for video, tubelets in detections.items():
        for name in ("windows", "boxes", "scores"):
            expected = getattr(tubelets, name)
            assert getattr(loaded[video], name).dtype == expected.dtype
            np.testing.assert_array_equal(getattr(loaded[video], name), expected)
    assert [p.name for p in path.parent.iterdir()] == ["detections.npz"]


def test_no_videos(tmp_path):
    save_detections(tmp_path / "none.npz", {})
    assert load_detections(tmp_path / "none.npz").tubelets == {}


def test_videos_must_agree(tmp_path):
    with pytest.raises(InputError, match="K = 3 and 2 classes in a, K = 5 and 2 classes in b"):
        save_detections(tmp_path / "x.npz", {"a": some([1], 1), "b": some([1], 1, K=5)})
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_detections_file_is_refused(tmp_path):
    path = tmp_path / "detections.npz"
    with pytest.raises(FileNotFoundError, match="no detections at .*detections.npz"):
        load_detections(path)
    save_detections(path, {"a": some([1, 2], 3)})
    whole = path.read_bytes()
    unknown = bytearray(whole)  # compression, of its first array
    unknown[whole.index(b"PK\x01\x02") + 10] = unknown[8] = 77
    contents = (whole[: len(whole) // 2], b"", b"text", whole[:-400] + bytes(400), unknown)
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(InputError, match="detections.npz does not hold saved detections"):
            load_detections(path)
    np.savez(path, boxes=np.zeros(3))
    with pytest.raises(InputError, match="does not hold saved detections.*videos"):
        load_detections(path)


def test_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "detections.npz"
    np.savez(path, videos=np.array([{"a": 1}], object))
    with pytest.raises(InputError, match="holds Python objects"):
        load_detections(path)


def test_arrays_that_contradict_each_other_are_refused(tmp_path):
    path = tmp_path / "detections.npz"
    save_detections(path, {"a": some([1, 2], 3)})
    arrays = dict(np.load(path))
    for key, value in (("num_windows", [1]), ("num_slots", [2]), ("boxes", arrays["boxes"][:-1])):
        np.savez(path, **{**arrays, key: np.array(value)})
        with pytest.raises(InputError, match="does not hold saved detections"):
            load_detections(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("windows", [1.9, 2.0]),
        ("windows", np.array([1, 2], np.uint64)),
        ("boxes", np.zeros((6, 3, 4), np.complex64)),
        ("scores", np.full((6, 2), "0.5")),
        ("num_slots", [-1]),
        ("videos", ["a", "a"]),
        ("labels", [1, 2]),
        ("protocol", 3),
        ("min_tube_length", "many"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, key, value):
    path = tmp_path / "detections.npz"
    save_detections(path, {"a": some([1, 2], 3)}, ("Walk", "Run"), get_protocol("moc"))
    np.savez(path, **{**np.load(path), key: np.array(value)})
    with pytest.raises(InputError, match=r"detections\.npz does not hold saved detections: \S"):
        load_detections(path)


def test_a_small_file_that_stands_for_a_large_one_is_refused(tmp_path):
    path = tmp_path / "detections.npz"
    save_detections(path, {"a": some([1, 2], 3)})
    np.savez_compressed(path, **{**np.load(path), "more": np.zeros(10**7)})
    with pytest.raises(InputError, match="stand for 8000.* bytes, far more than it"):
        load_detections(path)


def test_labels_and_rules_come_back(tmp_path):
    path, protocol = tmp_path / "x.npz", get_protocol("act", 0.1, True, 7)
    save_detections(path, {"a": some([1], 1)}, ("Walk", "Run ü"), protocol)
    loaded = load_detections(path)
    assert (loaded.labels, loaded.protocol) == (("Walk", "Run ü"), protocol)
    save_detections(path, {"a": some([1], 1)})
    assert (load_detections(path).labels, load_detections(path).protocol) == (None, None)
