"""Reading a configuration: overrides, wrong keys, missing files, the device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stma_d2.config import load_config
from stma_d2.errors import InputError

CONFIG = str(Path(__file__).resolve().parents[1] / "configs" / "Synthetic" / "STMA_tiny_K5.yaml")


def test_overrides_win_over_the_file_and_the_file_over_the_defaults():
    assert load_config("").MODEL.STMA.HEAD_CHANNELS == 256
    assert load_config(CONFIG).MODEL.STMA.HEAD_CHANNELS == 64
    assert load_config(CONFIG, ["MODEL.STMA.HEAD_CHANNELS", "7"]).MODEL.STMA.HEAD_CHANNELS == 7


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        (["MODEL.NO_SUCH_KEY", "1"], "NO_SUCH_KEY"),
        (["SOLVER.BASE_LR", "'fast'"], "SOLVER.BASE_LR"),
        (["SOLVER.BASE_LR"], "SOLVER.BASE_LR"),
    ],
)
def test_a_wrong_override_names_its_key(overrides, word):
    with pytest.raises(InputError, match=word):
        load_config(CONFIG, overrides)


def test_an_unknown_key_in_a_file_is_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("MODEL:\n  STMA:\n    NUM_CLASES: 3\n")
    with pytest.raises(InputError, match=r"mine\.yaml.*NUM_CLASES"):
        load_config(str(path))


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"no/such\.yaml"):
        load_config("no/such.yaml")


@pytest.mark.parametrize(("visible", "device"), [(False, "cpu"), (True, "cuda")])
def test_the_device_falls_back_to_the_cpu_without_a_gpu(monkeypatch, visible, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: visible)
    assert load_config("").MODEL.DEVICE == device
