"""A training says where it ran."""

from __future__ import annotations

import subprocess

import pytest
import torch

from stma_d2.checkpoint import provenance


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package's folder, in a checkout with one commit."""
    folder = tmp_path / "stma_d2"
    folder.mkdir()
    (folder / "version.py").write_text("1")

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=b"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    monkeypatch.setattr(provenance, "_PACKAGE", folder)
    provenance._commit.cache_clear()
    yield folder, git
    provenance._commit.cache_clear()


def test_the_commit_of_the_checkout_and_whether_files_differ_from_it(package):
    folder, git = package
    head = git("rev-parse", "HEAD")
    assert provenance.provenance("cpu")["commit"] == head[:12]
    provenance._commit.cache_clear()
    (folder / "version.py").write_text("2")
    assert provenance.provenance("cpu")["commit"] == f"{head[:12]}-dirty"


def test_an_installation_within_another_projects_checkout_has_no_commit(package):
    folder, git = package
    git("rm", "-q", "--cached", "stma_d2/version.py")
    git("commit", "-q", "-m", "second")
    assert provenance.provenance("cpu")["commit"] == ""


def test_the_environment_says_the_commit_only_where_there_is_no_checkout(package, monkeypatch):
    folder, git = package
    monkeypatch.setenv("STMA_COMMIT", "said")
    assert provenance.provenance("cpu")["commit"] == git("rev-parse", "HEAD")[:12]
    provenance._commit.cache_clear()
    (folder.parent / ".git").rename(folder.parent / "no_git")
    assert provenance.provenance("cpu")["commit"] == "said"


def test_hardware_names_gpus_and_threads(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a GPU called {device}")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    hardware = [provenance.provenance(device)["hardware"] for device in ("cuda", "cpu")]
    assert hardware == ["1 x a GPU called cuda", "3 CPU threads"]
    monkeypatch.setattr("detectron2.utils.comm.get_world_size", lambda: 4)
    hardware = [provenance.provenance(device)["hardware"] for device in ("cuda", "cpu")]
    assert hardware == ["4 x a GPU called cuda", "4 processes of 3 CPU threads"]
