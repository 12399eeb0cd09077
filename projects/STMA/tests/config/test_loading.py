"""From a file and overrides to a configuration: what wins, types, wrong keys, the device."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from detectron2.data import DatasetCatalog
from hypothesis import given, settings
from hypothesis import strategies as st

from stma_d2.config import load_config
from stma_d2.data import Split, TubeAnnotations, VideoAnnotation, save_annotations
from stma_d2.errors import InputError

CONFIG = str(Path(__file__).resolve().parents[2] / "configs" / "Synthetic" / "STMA_tiny_K5.yaml")


def test_overrides_win_over_the_file_and_the_file_over_the_defaults():
    assert load_config("").MODEL.STMA.HEAD_CHANNELS == 256
    assert load_config(CONFIG).MODEL.STMA.HEAD_CHANNELS == 64
    assert load_config(CONFIG, ["MODEL.STMA.HEAD_CHANNELS", "7"]).MODEL.STMA.HEAD_CHANNELS == 7


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SOLVER: {EMA: {DECAY: 0}}", 0.0),
        ("SOLVER: {EMA: {DECAY: 9e-1}}", 0.9),  # a text by YAML's rules
        ("SOLVER: {STEPS: [3, 5]}", (3, 5)),
        ("MODEL: {PIXEL_MEAN: !!python/tuple [1, 2, 3]}", [1, 2, 3]),
        ("MODEL: {WEIGHTS: 2020-01-01}", "2020-01-01"),
        ("MODEL: {WEIGHTS: '12'}", "12"),
        ("MODEL: {BACKBONE_3D: {NAME: ''}}", ""),
        ("SOLVER: {CLIP_GRADIENTS: {NORM_TYPE: .inf}}", math.inf),
    ],
)
def test_values_of_a_file_take_the_type_of_their_key(tmp_path, text, value):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    names = [name.split("{")[-1].strip() for name in text.split(":")[:-1] if "python" not in name]
    node = load_config(str(path))
    for name in names:
        node = node[name]
    assert node == value and type(node) is type(value)


@pytest.mark.parametrize(
    ("key", "word", "value"),
    [
        ("TEST.LINKING.MIN_TUBELET_SCORE", "0", 0.0),
        ("SOLVER.STEPS", "[3, 5]", (3, 5)),
        ("MODEL.BACKBONE_3D.NAME", "''", ""),
        ("MODEL.WEIGHTS", "7", "7"),
        ("DATASETS.TEST", "('a',)", ("a",)),
        ("TEST.FLIP", "True", True),
    ],
)
def test_words_of_the_command_line_take_the_type_of_their_key(key, word, value):
    node = load_config("", [key, word])
    for name in key.split("."):
        node = node[name]
    assert node == value and type(node) is type(value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["MODEL.STMA.NUM_CLASES", "1"],
            "there is no key 'MODEL.STMA.NUM_CLASES'; did you mean MODEL.STMA.NUM_CLASSES?",
        ),
        (["X\n", "1"], r"there is no key 'X\n'"),
        (
            ["SOLVER.GAMMA", "0.5", "SOLVER.BASE_LR", "'fast'"],
            "SOLVER.BASE_LR is 'fast'; it must be a number, above 0 and at most 1000",
        ),
        (
            ["SOLVER.GAMMA", "1", "SOLVER.BASE_LR"],
            "the override SOLVER.BASE_LR has no value; overrides are pairs: KEY VALUE",
        ),
        (
            ["SOLVER.MAX_ITER", "5", "--resume"],
            "the option --resume stands among the KEY VALUE overrides; put it before the first of "
            "them, SOLVER.MAX_ITER",
        ),
        (
            ["MODEL", "1"],
            "MODEL is '1'; it must hold keys: LOAD_PROPOSALS, MASK_ON, KEYPOINT_ON, ...",
        ),
        (["OUTPUT_DIR.x", "1"], "there is no key 'OUTPUT_DIR.x'; did you mean OUTPUT_DIR?"),
        (["SOLVER.GAMMA", "~" * 9000 + "1"], None),
        (["SOLVER.GAMMA", "9" * 9000], None),
        (
            ["SOLVER.GAMMA", "{[]: 1}"],
            "SOLVER.GAMMA is '{[]: 1}'; it must be a number",
        ),
    ],
)
def test_a_wrong_override_is_told_in_one_line(overrides, message):
    with pytest.raises(InputError) as error:
        load_config(CONFIG, overrides)
    assert str(error.value).startswith(message or "SOLVER.GAMMA is ")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("SOLVR.MAX_ITR", "SOLVER.MAX_ITER"),
        ("solver.max_iter", "SOLVER.MAX_ITER"),
        ("BASE_LR", "SOLVER.BASE_LR"),
        ("SOLVR.X", None),  # half of its letters are another key's, and it means none
        ("NAME", None),  # the end of several
    ],
)
def test_a_key_is_suggested_where_one_is_meant(key, meant):
    with pytest.raises(InputError) as error:
        load_config(CONFIG, [key, "3"])
    hint = f"; did you mean {meant}?" if meant else ""
    assert str(error.value) == f"there is no key '{key}'{hint}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MODEL: {STMA: {NUM_CLASES: 3}}", "there is no key 'MODEL.STMA.NUM_CLASES' ({}); did you"),
        ("SOLVER: {GAMMA: fast}", "SOLVER.GAMMA is 'fast' ({}); it must be a number, above 0"),
        ("SOLVER: 3", "SOLVER is 3 ({}); it must hold keys: "),
        ("TEST: {AUG: {FLIP: false}}", "TEST.AUG.FLIP is False ({}), but nothing here reads"),
    ],
)
def test_the_file_that_gives_a_wrong_value_is_named(tmp_path, text, message):
    (tmp_path / "base.yaml").write_text(text)
    (tmp_path / "mine.yaml").write_text("_BASE_: base.yaml\nSEED: 1\n")
    with pytest.raises(InputError) as error:
        load_config(str(tmp_path / "mine.yaml"))
    assert str(error.value).startswith(message.format(tmp_path / "base.yaml"))


def test_an_override_of_a_wrong_value_is_not_blamed_on_the_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("SOLVER: {GAMMA: 0.5}")
    with pytest.raises(InputError, match="^SOLVER.GAMMA is 7.0; it"):
        load_config(str(tmp_path / "mine.yaml"), ["SOLVER.GAMMA", "7"])


def test_the_config_yaml_that_a_run_leaves_is_read_as_it_was(tmp_path):
    """Detectron2 writes tuples as lists, and a list that stands twice as an alias."""
    cfg = load_config(CONFIG, ["SEED", 7])
    text = cfg.dump()
    assert "*id" in text
    (tmp_path / "config.yaml").write_text(text)
    assert load_config(str(tmp_path / "config.yaml")) == cfg


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"no/such\.yaml"):
        load_config("no/such.yaml")


@pytest.mark.parametrize(("visible", "device"), [(False, "cpu"), (True, "cuda")])
def test_the_device_falls_back_to_the_cpu_without_a_gpu(monkeypatch, visible, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: visible)
    assert load_config("").MODEL.DEVICE == device


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert load_config("", ["MODEL.DEVICE", "cuda:1"]).MODEL.DEVICE == "cuda:1"
    with pytest.raises(InputError, match="MODEL.DEVICE is 'cuda:2'; the last .* 'cuda:1'"):
        load_config("", ["MODEL.DEVICE", "cuda:2"])


_TEXT = Path(CONFIG).read_text()
_SNIPPETS = st.sampled_from(
    [
        *(
            ": ",
            "\n",
            "\n  ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "<<: ",
            "!!",
            "? ",
            "| ",
            "> ",
        ),
        *("!!python/tuple ", "!!set ", "!!binary ", "!!float ", "!!int ", "%YAML 1.2", "---\n"),
        *(".nan", "-.inf", "1e999", "0x_", "1:60:60", "2020-13-45", "~", "true", "'", '"', "\0"),
        *("_BASE_: ", "MODEL:\n  STMA: ", "SOLVER:\n  STEPS: ", "9" * 5000, "\t", "#", "\u2028"),
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_mutated_files_are_read_or_refused_in_one_line(data):
    """Pieces of a real file cut out, doubled and replaced by pieces of YAML or any characters."""
    text = _TEXT
    for _ in range(data.draw(st.integers(1, 4))):
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        end = min(end, start + data.draw(st.integers(0, 40)))
        piece = data.draw(st.one_of(_SNIPPETS, st.text(max_size=8), st.just(text[start:end] * 2)))
        text = text[:start] + piece + text[end:]
    with TemporaryDirectory() as folder:
        Path(folder, "Base-STMA.yaml").write_text("SEED: 1")
        path = Path(folder, "here", "mutated.yaml")
        path.parent.mkdir()
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            load_config(str(path))
        except InputError as error:
            assert "\n" not in str(error)


@pytest.fixture
def mine(tmp_path, empty_catalogs):
    """A data set file of two labels, as an override names it."""
    video = VideoAnnotation(20, 24, 32, ())
    truth = TubeAnnotations(("wave", "jump"), {"a": video}, (Split(("a",), ("a",)),))
    save_annotations(truth, tmp_path / "mine.json")
    (tmp_path / "mine.yaml").write_text("annotations: mine.json\nvideos: .\n")
    return ["DATASETS.FILES", (str(tmp_path / "mine.yaml"),), "MODEL.STMA.NUM_CLASSES", 0]


@pytest.mark.parametrize("key", ["DATASETS.TRAIN", "DATASETS.TEST"])
def test_data_sets_of_a_file_are_registered_and_give_the_number_of_classes(mine, key):
    other = ["DATASETS.TRAIN", (), "DATASETS.TEST", ()]
    name = f"mine_{key[-5:].strip('.').lower()}"
    assert load_config(CONFIG, [*mine, *other, key, (name,)]).MODEL.STMA.NUM_CLASSES == 2
    assert {"mine_train", "mine_test"} <= set(DatasetCatalog.list())


def test_a_number_of_classes_that_nothing_tells_is_refused(mine):
    names = ["DATASETS.TRAIN", (), "DATASETS.TEST"]
    for tests, words in [((), "DATASETS names none"), (("no_set",), "labels of 'no_set' are not")]:
        with pytest.raises(InputError, match=f"MODEL.STMA.NUM_CLASSES is 0.*{words}"):
            load_config(CONFIG, [*mine, *names, tests])


def test_a_wrong_data_set_file_is_named():
    with pytest.raises(InputError, match=r"^DATASETS\.FILES: .* no/mine\.yaml$"):
        load_config(CONFIG, ["DATASETS.FILES", ("no/mine.yaml",)])
    with pytest.raises(InputError, match=r"DATASETS\.FILES is "):
        load_config(CONFIG, ["DATASETS.FILES", (3,)])
