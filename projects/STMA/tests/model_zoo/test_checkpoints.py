"""Trained networks are found by name in a zoo's index, wherever the zoo lies."""

from __future__ import annotations

import http.server
import os
import threading

import pytest
import torch

from stma_d2 import model_zoo
from stma_d2.checkpoint import training_record
from stma_d2.errors import InputError
from stma_d2.files import file_sha256
from stma_d2.model_zoo import checkpoints
from stma_d2.model_zoo.checkpoints import index_text, read_index

NAME = "Mine/tiny.yaml"


@pytest.fixture
def zoo(tmp_path, tiny_cfg, tiny_model, monkeypatch):
    """A zoo with one network; the package ships none."""
    root = tmp_path / "zoo"
    (root / "Mine").mkdir(parents=True)
    content = {"model": tiny_model.state_dict(), "settings": training_record(tiny_cfg, ())}
    torch.save(content, root / "new.pth")
    file = f"Mine/tiny-{file_sha256(root / 'new.pth')[:16]}.pth"
    (root / "new.pth").rename(root / file)
    (root / "index.json").write_text(index_text({NAME: file}))
    monkeypatch.setattr(checkpoints, "PACKAGED", tmp_path / "none")
    monkeypatch.setenv("STMA_MODEL_ZOO", str(root))
    return root


def test_a_trained_network_comes_with_its_weights_and_configuration(zoo, tiny_model, tiny_cfg):
    model = model_zoo.get(NAME, trained=True)
    assert not model.training
    for ours, theirs in zip(model.parameters(), tiny_model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    cfg = model_zoo.get_config(NAME, trained=True)
    assert cfg.MODEL.WEIGHTS == model_zoo.get_checkpoint_url(NAME)
    assert cfg.MODEL.STMA == tiny_cfg.MODEL.STMA


def test_names_and_paths_are_told_apart(zoo):
    url = model_zoo.get_checkpoint_url(NAME)
    assert model_zoo.find_checkpoint(NAME) == url
    assert model_zoo.find_checkpoint(url) == url


def test_a_file_that_was_exchanged_is_refused(zoo):
    path = model_zoo.get_checkpoint_url(NAME)
    with open(path, "ab") as file:
        file.write(b"more")
    with pytest.raises(InputError, match="is not what its name says"):
        model_zoo.get(NAME, trained=True)


def test_the_chosen_zoo_comes_before_the_packages(zoo, tmp_path, monkeypatch):
    packaged = tmp_path / "packaged"
    packaged.mkdir()
    other = f"other-{'0' * 16}.pth"
    (packaged / "index.json").write_text(index_text({NAME: other, "Other.yaml": other}))
    monkeypatch.setattr(checkpoints, "PACKAGED", packaged)
    assert model_zoo.get_checkpoint_url(NAME).startswith(str(zoo))
    assert model_zoo.get_checkpoint_url("Other.yaml") == f"{packaged}/{other}"


def test_the_chosen_zoo_may_be_a_file_url(zoo, monkeypatch):
    path = model_zoo.get_checkpoint_url(NAME)
    monkeypatch.setenv("STMA_MODEL_ZOO", f"file://{zoo}")
    assert model_zoo.get_checkpoint_url(NAME) == path


def test_an_unknown_name_lists_those_that_exist(zoo, monkeypatch):
    with pytest.raises(InputError, match=r"'no\.yaml'; there are: Mine/tiny\.yaml \(STMA_MODEL"):
        model_zoo.get_checkpoint_url("no.yaml")
    monkeypatch.delenv("STMA_MODEL_ZOO")
    with pytest.raises(InputError, match="there are: none"):
        model_zoo.get_checkpoint_url(NAME)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read the model zoo.s .*index.json .*check STMA_MODEL_ZOO"),
        ("{", "is no index of a model zoo"),
        (b"\xff\xfe", "cannot read the model zoo.s .*index.json .*utf-8"),
        ("[]", "is no index of a model zoo"),
        ('{"models": [1]}', "is no index of a model zoo"),
        ("[" * 100_000, "is no index of a model zoo"),
        ('{"models": {"a.yaml": "x", "a.yaml": "y"}}', "has the key 'a.yaml' twice"),
        ('{"models": {}}', "it lacks 'format', 'version'"),
        ('{"format": "stma-zoo", "version": 2, "models": {}}', "has format 'stma-zoo', version 2"),
        (index_text({"a" * 200 + ".yaml": f"tiny-{'0' * 16}.pth"}), "is no name of a network"),
        (index_text({NAME: "tiny.pth"}), "no digits of its SHA-256 in its name"),
        (index_text({NAME: f"../../tiny-{'0' * 16}.pth"}), "is no path within the zoo"),
        (index_text({NAME: f"/tiny-{'0' * 16}.pth"}), "is no path within the zoo"),
        (index_text({"\x1b[31m.yaml": f"tiny-{'0' * 16}.pth"}), "'.x1b.31m.yaml' is no name of a"),
    ],
)
def test_a_zoo_without_a_good_index_is_named(zoo, content, words):
    (zoo / "index.json").unlink()
    if content is not None:
        content = content if isinstance(content, bytes) else content.encode()
        (zoo / "index.json").write_bytes(content)
    with pytest.raises(InputError, match=words):
        model_zoo.get_checkpoint_url(NAME)


def test_a_pipe_in_place_of_the_index_is_not_opened(zoo):
    (zoo / "index.json").unlink()
    os.mkfifo(zoo / "index.json")
    with pytest.raises(InputError, match=r"index\.json is a folder, pipe or device and no file"):
        model_zoo.get_checkpoint_url(NAME)


@pytest.fixture
def url(zoo, tmp_path, monkeypatch):
    """The zoo behind a URL; what is downloaded goes to a folder of this test."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(zoo))

        def log_message(self, *arguments):
            pass

    monkeypatch.setenv("FVCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_zoo_behind_a_url_and_a_checkpoint_by_its_url_alone(url, zoo, monkeypatch):
    monkeypatch.setenv("STMA_MODEL_ZOO", url + "/")
    path = model_zoo.get_checkpoint_url(NAME)
    assert path.startswith(f"{url}/Mine/tiny-")
    assert model_zoo.get(NAME, trained=True).num_classes == 3
    assert model_zoo.find_checkpoint(path) == path
    # The index is read anew: what is published later is found.
    models = {**read_index(url), "New.yaml": f"new-{'a' * 16}.pth"}
    (zoo / "index.json").write_text(index_text(models))
    assert model_zoo.get_checkpoint_url("New.yaml") == f"{url}/new-{'a' * 16}.pth"
