from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture
def environment(load, monkeypatch, tmp_path):
    """An own environment whose interpreter is this one, and its module with a log of its own."""
    module = load("environment")
    monkeypatch.setattr(module, "LOG", tmp_path / "install.log")
    prefix = tmp_path / ".venv"
    prefix.mkdir()
    return module, module.Environment(prefix, Path(sys.executable), is_own=True)


def test_finished_installation_is_used_as_it_is(environment, monkeypatch):
    module, venv = environment
    calls = []
    monkeypatch.setattr(module, "install", calls.append)
    monkeypatch.setattr(module, "fingerprint", lambda prefix: "first")
    monkeypatch.setattr(
        module.Environment, "is_ready", lambda self: self.state == module.fingerprint(self.prefix)
    )
    module.prepare(venv)
    module.prepare(venv)
    assert len(calls) == 1
    monkeypatch.setattr(module, "fingerprint", lambda prefix: "requirements changed")
    module.prepare(venv)
    assert len(calls) == 2


def test_fingerprint_follows_requirements_and_place(environment, monkeypatch, tmp_path):
    module, venv = environment
    before = module.fingerprint(venv.prefix)
    assert module.fingerprint(venv.prefix) == before
    assert module.fingerprint(tmp_path) != before
    changed = tmp_path / "requirements.txt"
    changed.write_bytes(module.REQUIREMENTS.read_bytes() + b"\n")
    monkeypatch.setattr(module, "REQUIREMENTS", changed)
    assert module.fingerprint(venv.prefix) != before


def test_environment_without_our_packages_is_not_ready(environment, monkeypatch, tmp_path):
    module, venv = environment
    monkeypatch.setattr(module, "fingerprint", lambda prefix: "same")
    venv.set_state("same")
    assert venv.is_ready()
    bare = tmp_path / "python-without-packages"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    assert not module.Environment(venv.prefix, bare, is_own=True).is_ready()


@pytest.mark.parametrize("damaged", [False, True])
def test_failed_installation_goes_on_and_damaged_one_starts_again(
    environment, monkeypatch, damaged
):
    module, venv = environment
    (venv.prefix / "package").touch()
    kind = module.DamageError if damaged else module.SetupError

    def fail(message, command, log, **options):
        raise kind(message)

    monkeypatch.setattr(module, "run_step", fail)
    monkeypatch.setattr(module, "check_disk", lambda needs: None)
    with pytest.raises(kind):
        module.prepare(venv)
    assert venv.state == (module.INSTALLING if damaged else module.FAILED)

    with pytest.raises(kind):
        module.prepare(venv)
    assert (venv.prefix / "package").exists() is not damaged


def test_venv_of_another_python_than_asked_for_is_refused(environment):
    module, venv = environment
    module.check_version(venv, None)
    module.check_version(venv, sys.version_info[:2])
    with pytest.raises(module.SetupError, match="not Python 3.1: remove this folder"):
        module.check_version(venv, (3, 1))


def test_active_environment_is_used_only_with_detectron2(load, monkeypatch, tmp_path):
    module = load("environment")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    assert module.select_environment(tmp_path).python == Path(sys.executable)
    assert module.select_environment(Path(sys.prefix)).is_own
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert module.select_environment(tmp_path).python == tmp_path / "bin" / "python"


def test_requirements_are_pinned(load):
    lines = load("environment").REQUIREMENTS.read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 15
    assert [pin for pin in pins if "==" not in pin] == []
