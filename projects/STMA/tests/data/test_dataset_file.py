"""One YAML file makes a data set known; what is wrong in it is one line with file and key."""

from __future__ import annotations

import pickle

import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.data import known_labels, load_ground_truth, register_dataset_file
from stma_d2.errors import InputError

pytestmark = pytest.mark.usefixtures("empty_catalogs")


@pytest.fixture
def write(tmp_path, act_data):
    """Writes ``mine.yaml`` beside annotations and videos; gives its path."""
    (tmp_path / "GT.pkl").write_bytes(pickle.dumps(act_data))
    for name in ("Run/a", "Jump/b"):
        (tmp_path / "clips" / name).mkdir(parents=True)

    def write(text="annotations: GT.pkl\nvideos: clips\n"):
        (tmp_path / "mine.yaml").write_text(text)
        return tmp_path / "mine.yaml"

    return write


def videos(name):
    return [video["video_id"] for video in DatasetCatalog.get(name)]


def test_the_files_name_becomes_the_data_sets_names(write, tmp_path, monkeypatch):
    path = write()
    monkeypatch.chdir("/")  # paths are relative to the file
    assert register_dataset_file(path) == ("mine_train", "mine_test")
    assert (videos("mine_train"), videos("mine_test")) == (["Run/a"], ["Jump/b"])
    assert DatasetCatalog.get("mine_train")[0]["path"] == str(tmp_path / "clips/Run/a")
    assert known_labels("mine_test") == ["Run", "Jump"]


def test_a_relative_name_of_the_file_serves(write, monkeypatch):
    monkeypatch.chdir(write().parent)
    register_dataset_file("mine.yaml")
    assert videos("mine_train") == ["Run/a"]


def test_another_split_of_the_annotations(write):
    register_dataset_file(write("annotations: GT.pkl\nframes: clips\nsplit: 2\n"))
    assert videos("mine_train") == ["Jump/b"]


def test_the_file_may_say_the_splits_itself(write):
    text = "annotations: GT.pkl\nframes: clips\nsplits: {train: [Run/a, Jump/b], val: [Run/a]}\n"
    assert register_dataset_file(write(text)) == ("mine_train", "mine_val")
    assert videos("mine_train") == ["Run/a", "Jump/b"]
    assert load_ground_truth("mine_val")[1] == ("Run/a",)


def test_annotations_are_read_when_they_are_used(write, tmp_path):
    path = write()
    (tmp_path / "GT.pkl").write_bytes(b"no annotations")
    register_dataset_file(path)
    assert MetadataCatalog.get("mine_train").get("thing_classes") is None
    with pytest.raises(InputError, match=r"GT\.pkl"):
        known_labels("mine_train")


def test_known_labels_are_compared_with_those_of_the_annotations(write):
    register_dataset_file(write("annotations: GT.pkl\nvideos: clips\nlabels: [Run, Jump]\n"))
    assert MetadataCatalog.get("mine_test").thing_classes == ["Run", "Jump"]
    register_dataset_file(write("annotations: GT.pkl\nvideos: clips\nlabels: [Run, Hop]\n"))
    with pytest.raises(InputError, match=r"GT\.pkl are not the expected ones"):
        load_ground_truth("mine_test")


def test_registering_again_takes_what_the_file_says_now(write):
    register_dataset_file(write())
    register_dataset_file(write("annotations: GT.pkl\nvideos: clips\nsplits: {train: [Jump/b]}\n"))
    assert videos("mine_train") == ["Jump/b"]
    assert "mine_test" not in DatasetCatalog


def test_names_that_others_have_are_refused(write, tmp_path):
    register_dataset_file(write())
    other = tmp_path / "other" / "mine.yaml"
    other.parent.mkdir()
    other.write_text("annotations: ../GT.pkl\nvideos: ../clips\n")
    with pytest.raises(InputError, match=r"other/mine\.yaml: .*'mine_train'; rename the file"):
        register_dataset_file(other)
    assert videos("mine_train") == ["Run/a"]


BASIS = "annotations: GT.pkl\nvideos: clips\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("videos: clips\n", "the key 'annotations' is missing"),
        ("annotations: none.pkl\nvideos: clips\n", r"annotations: there is no file .*none\.pkl"),
        ("annotations: 3\nvideos: clips\n", "annotations is 3"),
        ("annotations: GT.pkl\n", "'videos' and 'frames' is needed, and it has neither"),
        (BASIS + "frames: clips\n", "'videos' and 'frames' is needed, and it has both"),
        ("annotations: GT.pkl\nvideos: none\n", "videos: there is no folder .*none"),
        ("annotations: GT.pkl\nframes: [a]\n", r"frames is \['a'\]"),
        (BASIS + "label: [a]\n", "the key 'label' is unknown; there are .*labels"),
        (BASIS + "labels: Run\n", "labels holds 'Run'"),
        (BASIS + "labels: [1]\n", "labels"),
        (BASIS + "split: 0\n", "split is 0"),
        (BASIS + "split: one\n", "split is 'one'"),
        (BASIS + "split: 1\nsplits: {train: [Run/a]}\n", "'split' and 'splits' exclude"),
        (BASIS + "splits: [Run/a]\n", "splits holds a list"),
        (BASIS + "splits: {}\n", r"splits has \[\]"),
        (BASIS + "splits: {dev: [Run/a]}\n", r"splits has \['dev'\]; it may have train, val, test"),
        (BASIS + "splits: {train: Run/a}\n", "splits: train holds 'Run/a'"),
        (BASIS + "splits: {test: [Run/a, Run/a]}\n", "splits: test lists 'Run/a' twice"),
        (BASIS + "videos: other\n", "the key 'videos' stands twice"),
        (BASIS + "labels: !!python/object/apply:os.system ['true']\n", "cannot be read"),
        ("", "holds no keys"),
    ],
)
def test_what_is_wrong_names_file_and_key(write, text, words):
    with pytest.raises(InputError, match=rf"the data set (file )?\S*mine\.yaml.* ?{words}"):
        register_dataset_file(write(text))
    assert DatasetCatalog.list() == []


def test_a_missing_file_and_a_missing_video_are_named(write, tmp_path):
    with pytest.raises(InputError, match=r"there is no data set file .*none\.yaml"):
        register_dataset_file(tmp_path / "none.yaml")
    register_dataset_file(write(BASIS + "splits: {train: [Run/a, Run/z]}\n"))
    with pytest.raises(InputError, match=r"'mine_train': .*GT\.pkl has no video 'Run/z' \(1 of 2"):
        load_ground_truth("mine_train")
