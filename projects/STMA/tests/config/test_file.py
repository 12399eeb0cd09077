"""Configuration files: read with their bases, and never run."""

from __future__ import annotations

import os

import pytest

from stma_d2.config import load_config
from stma_d2.config.file import FileValue, find_config_file, read_config_file
from stma_d2.errors import InputError


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return str(folder / f"{name}.yaml")


def test_a_files_values_stand_over_its_bases(tmp_path):
    (tmp_path / "deep").mkdir()
    write(tmp_path, base="A: 1\nNODE: {x: 1, y: 2}\nLIST: [1, 2]\n")
    write(tmp_path / "deep", middle="_BASE_: ../base.yaml\nNODE: {y: 3}\n")
    path = write(tmp_path / "deep", top="_BASE_: middle.yaml\nLIST: [5]\n")
    read = read_config_file(path)
    values = {key: one.value for key, one in read.items()}
    assert values == {"A": 1, "NODE.x": 1, "NODE.y": 3, "LIST": [5]}
    names = {key: os.path.basename(one.path) for key, one in read.items()}
    assert list(names.values()) == ["base.yaml", "base.yaml", "middle.yaml", "top.yaml"]


def test_tuples_and_byte_order_marks_are_read(tmp_path):
    path = write(tmp_path, a="\ufeffINPUT:\n  SIZE: !!python/tuple [64, 96]\n")
    assert load_config(path).INPUT.SIZE == (64, 96)


@pytest.mark.parametrize("based", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.mkdir ['{made}']",
        "!!python/object/new:os.mkdir ['{made}']",
        "!!python/name:os.system",
        "!!python/module:os",
    ],
)
def test_tags_run_nothing(tmp_path, value, based):
    made = tmp_path / "made"
    path = write(tmp_path, evil=f"OUTPUT_DIR: {value.format(made=made)}\n")
    if based:
        path = write(tmp_path, good="_BASE_: evil.yaml\n")
    with pytest.raises(InputError, match=r"evil\.yaml cannot be read: .*python/"):
        load_config(path)
    assert not made.exists()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a": "A: 1\nA: 2\n"}, r"a\.yaml cannot be read: the key 'A' stands twice"),
        ({"a": "A: [1\n"}, r"a\.yaml cannot be read"),
        ({"a": "A: {1: 2}\n"}, r"a\.yaml cannot be read: the key 1 is no text"),
        ({"a": "A: {[x]: 2}\n"}, r"a\.yaml cannot be read: the key \['x'\] is no text"),
        ({"a": "A.B: 2\n"}, r"a\.yaml cannot be read: the key 'A.B' has points"),
        ({"a": "A: &x {B: *x}\n"}, r"a\.yaml cannot be read: aliases are not read here.* line 1"),
        ({"a": "A: &x [*x]\n"}, r"a\.yaml cannot be read: aliases"),
        ({"a": "A: &x {B: 1}\nC: {<<: *x}\n"}, r"a\.yaml cannot be read: aliases"),
        ({"a": f"A: {'9' * 5000}\n"}, r"a\.yaml cannot be read: Exceeds the limit"),
        ({"a": "A: !!float x\n"}, r"a\.yaml cannot be read: could not convert"),
        ({"a": "A: !!bool x\n"}, r"a\.yaml cannot be read"),
        ({"a": "A: \x00\n"}, r"a\.yaml cannot be read"),
        ({"a": f"A: {'x' * 2**18}\n"}, r"a\.yaml is no such file: it is too large"),
        ({"a": '_BASE_: "\\0"\n'}, r"a\.yaml: there is no file '.x00', its _BASE_$"),
        ({"a": f"_BASE_: {'x' * 5000}\n"}, r"a\.yaml: there is no file 'xxx.*, its _BASE_$"),
        ({"a": "- 1\n"}, r"a\.yaml holds no keys"),
        ({"a": ""}, r"a\.yaml holds no keys"),
        ({"a": "A: " + 3000 * "[" + 3000 * "]" + "\n"}, r"a\.yaml cannot be read"),
        ({"a": "_BASE_: none.yaml\n"}, r"a\.yaml: there is no file 'none\.yaml', its _BASE_$"),
        ({"a": "_BASE_: 3\n"}, r"a\.yaml: _BASE_ is 3"),
        ({"b": "_BASE_: a.yaml\n", "a": "_BASE_: b.yaml\n"}, r"a\.yaml is its own _BASE_"),
    ],
)
def test_what_is_no_configuration_is_one_error(tmp_path, files, words):
    with pytest.raises(InputError, match=words):
        read_config_file(write(tmp_path, **files))


def test_the_projects_own_configurations_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = find_config_file("Synthetic/STMA_tiny_K5.yaml")
    assert own == find_config_file("configs/Synthetic/STMA_tiny_K5.yaml")
    path = write(tmp_path, mine="_BASE_: configs/Synthetic/STMA_tiny_K5.yaml\nSEED: 3\n")
    assert read_config_file(path) == {**read_config_file(own), "SEED": FileValue(3, path)}
    (tmp_path / "Synthetic").mkdir()
    write(tmp_path / "Synthetic", STMA_tiny_K5="SEED: 4\n")
    assert read_config_file("Synthetic/STMA_tiny_K5.yaml")["SEED"].value == 4


@pytest.mark.parametrize("name", ["configs/Syntetic/STMA_tiny_K5.yaml", "STMA_tiny_K5.yml"])
def test_a_missing_file_is_told_with_the_closest_names(name):
    with pytest.raises(InputError, match=rf"'{name}'; .* Synthetic/STMA_tiny_K5\.yaml.* closest$"):
        find_config_file(name)


@pytest.mark.parametrize("name", ["x" * 5000, "\0", ".", "/dev/null", "a\nb", ""])
def test_a_name_that_no_file_can_have_is_told_in_a_short_line(name):
    with pytest.raises(InputError, match=r"^there is no configuration file '.*closest$") as error:
        find_config_file(name)
    assert len(str(error.value)) < 500


def test_a_section_without_keys_sets_nothing_and_a_key_must_have_a_value(tmp_path):
    assert load_config(write(tmp_path, a="MODEL: {STMA: {}}\n")) == load_config("")
    for text, key in (("SEED: {}", "SEED"), ("MODEL: {WEIGHTS: {}}", "MODEL.WEIGHTS")):
        with pytest.raises(InputError, match=rf"^{key} is {{}} \(.*a\.yaml\); it must be "):
            load_config(write(tmp_path, a=text))
    with pytest.raises(InputError, match="there is no key 'NONE'"):
        load_config(write(tmp_path, a="NONE: {}"))
