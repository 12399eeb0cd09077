"""Checkpoints are read without running what they hold, or refused with the way out."""

from __future__ import annotations

import argparse
import tarfile
import textwrap
import zipfile

import pytest
import torch
from torch import nn

from stma_d2.checkpoint.reading import read_checkpoint
from stma_d2.errors import InputError

WEIGHTS = {"layer.weight": torch.arange(6.0).view(2, 3), "layer.bias": torch.ones(2)}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before PyTorch 1.6"])
def test_both_formats_of_plain_tensors_are_read(tmp_path, zipped):
    path = tmp_path / "a.pth"
    checkpoint = {"epoch": 3, "state_dict": WEIGHTS, "optimizer": {"state": {}, "lr": 1e-4}}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(path)
    assert found["epoch"] == 3
    assert all(torch.equal(found["state_dict"][key], value) for key, value in WEIGHTS.items())


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before PyTorch 1.6"])
@pytest.mark.parametrize(
    ("content", "needed"),
    [
        ({"state_dict": WEIGHTS, "opt": argparse.Namespace(lr=1)}, r"argparse\.Namespace"),
        ({**WEIGHTS, "opt": argparse.Namespace(lr=1)}, r"argparse\.Namespace"),
        (nn.Sequential(nn.Linear(2, 2)), r"torch\.nn\.modules\.container\.Sequential"),
    ],
    ids=["options beside the weights", "options among the weights", "whole module"],
)
def test_what_holds_more_than_tensors_is_refused_and_the_way_out_works(
    tmp_path, content, needed, zipped
):
    torch.save(content, tmp_path / "old.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        InputError, match=rf"old\.pth holds more than tensors \({needed}\)"
    ) as error:
        read_checkpoint(tmp_path / "old.pth")

    _, _, lines = str(error.value).partition("<<'END'\n")
    exec(textwrap.dedent(lines.rpartition("END")[0]))
    weights = read_checkpoint(tmp_path / "old-weights.pth")
    expected = content.state_dict() if isinstance(content, nn.Module) else WEIGHTS
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[key], value) for key, value in expected.items())


def test_programs_and_the_oldest_format_are_named(tmp_path):
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "program.pth")
    with pytest.raises(InputError, match=r"program\.pth holds .*TorchScript program"):
        read_checkpoint(tmp_path / "program.pth")
    with tarfile.open(tmp_path / "oldest.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    with pytest.raises(InputError, match=r"oldest\.pth holds .*\.tar archive"):
        read_checkpoint(tmp_path / "oldest.pth")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before PyTorch 1.6"])
def test_a_cut_off_and_a_foreign_file_are_told_apart(tmp_path, zipped):
    path = tmp_path / "a.pth"
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    cut = "is cut off or damaged" if zipped else "is no PyTorch checkpoint, or a damaged one"
    for content, reason in (
        (whole[: len(whole) // 2], cut),
        (whole[:-30], cut),
        (b"", "is empty"),
        (b"<html>not found</html>", "is no PyTorch checkpoint"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"a\.pth {reason}"):
            read_checkpoint(path)


def _change(path, change):
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def test_a_zip_file_that_torch_reads_wrongly_is_refused(tmp_path):
    path = tmp_path / "a.pth"
    torch.save(WEIGHTS, path)
    four = torch.tensor(4.0).numpy().tobytes()
    _change(path, lambda content: content.__setitem__(content.index(four), 1))
    assert not torch.equal(torch.load(path)["layer.weight"], WEIGHTS["layer.weight"])
    with pytest.raises(InputError, match=r"a\.pth is cut off or damaged \(.*data/0\)"):
        read_checkpoint(path)

    torch.save(WEIGHTS, path)
    marks = 38  # of a folder and the like: their place before the name in the zip's directory
    _change(path, lambda c: c.__setitem__(c.rindex(b"a/data/0") - 46 + marks, 16))
    with pytest.raises(InputError, match=r"a\.pth is cut off or damaged \(a/data/0\)"):
        read_checkpoint(path)


def test_compressed_files_are_refused_before_they_swell(tmp_path):
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "a.pth")
    with (
        zipfile.ZipFile(tmp_path / "a.pth") as archive,
        zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for name in archive.namelist():
            small.writestr(name, archive.read(name))
    with pytest.raises(InputError, match=r"b\.pth is cut off or damaged"):
        read_checkpoint(tmp_path / "b.pth")


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(InputError, match=f"no checkpoint file {path}"):
            read_checkpoint(path)
