"""Checkpoints come from paths and URLs, and are what their names say."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from functools import partial
from pathlib import Path

import pytest

from stma_d2.checkpoint import local_path, names_its_hash
from stma_d2.errors import InputError

CONTENT = b"weights"
DIGITS = hashlib.sha256(CONTENT).hexdigest()[:16]


@pytest.mark.parametrize("name", ["model_final.pth", f"model-{DIGITS}.pth", "run-20240101.pth"])
def test_a_file_is_taken_as_path_and_as_url(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(CONTENT)
    assert local_path(str(path)) == local_path(f"file://{path}") == str(path)


def test_another_content_than_the_name_says_is_refused(tmp_path):
    path = tmp_path / f"model-{DIGITS}.pth"
    path.write_bytes(CONTENT + b" of another")
    with pytest.raises(InputError, match=rf"-{DIGITS}\.pth is not what its name says"):
        local_path(str(path))


def test_missing_files_are_named_with_advice(tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint no/such\.pth; .* \(make one\)$"):
        local_path("no/such.pth", " (make one)")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves ``tmp_path / "served"``; downloads are kept beside it."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("FVCORE_CACHE", str(tmp_path / "cache"))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_that_was_downloaded_before_is_told(server, caplog):
    """PathManager keeps it: what lies at the URL may be another by now."""
    folder, url = server
    names = ("model_final.pth", f"model-{DIGITS}.pth")
    for name in names:
        (folder / name).write_bytes(CONTENT)
        path = local_path(f"{url}/{name}")
        assert not caplog.text
        os.utime(path, (0, 0))  # long ago
    (folder / names[0]).write_bytes(b"of another training")
    for name, told in zip(names, (True, False), strict=True):  # the other's name tells its content
        caplog.clear()
        path = local_path(f"{url}/{name}")
        assert Path(path).read_bytes() == CONTENT
        assert (
            f"{url}/{name} was downloaded before, and is taken from {path}" in caplog.text
        ) == told


def test_the_digits_count_before_a_query_too(server):
    folder, url = server
    name = f"model-{DIGITS}.pth"
    (folder / name).write_bytes(b"of another training")
    with pytest.raises(InputError, match="is not what its name says"):
        local_path(f"{url}/{name}?download=1")


def test_servers_files_of_the_same_path_are_kept_apart(server, tmp_path):
    folder, url = server
    (folder / "model_final.pth").write_bytes(CONTENT)
    first = local_path(f"{url}/model_final.pth")
    other = tmp_path / "other"
    other.mkdir()
    (other / "model_final.pth").write_bytes(b"another's")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=other)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as second:
        threading.Thread(target=second.serve_forever, daemon=True).start()
        path = local_path(f"http://127.0.0.1:{second.server_port}/model_final.pth")
        second.shutdown()
    assert Path(path).read_bytes() == b"another's" and Path(first).read_bytes() == CONTENT


def test_only_long_hexadecimal_ends_are_hashes():
    assert names_its_hash(f"a/b-{DIGITS}.pth")
    for name in (f"b-{DIGITS[:8]}.pth", f"b_{DIGITS}.pth", f"b-{DIGITS}", f"b-{'g' * 16}.pth"):
        assert not names_its_hash(name)
