from __future__ import annotations

import base64
import csv
import hashlib
import importlib
import tarfile
import zipfile
from types import ModuleType

import pytest


@pytest.fixture
def maker(packaging, monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(packaging)
    return importlib.import_module("make_detectron2_wheel")


def source_files() -> dict[str, bytes]:
    return {
        "LICENSE": b"license text",
        "setup.py": b"raise SystemExit",
        "detectron2/__init__.py": b'__version__ = "0.6"\n',
        "detectron2/data/transforms/transform.py": b"interp = Image.LINEAR\n",
        "projects/DeepLab/deeplab/__init__.py": b"deeplab = 1\n",
    }


def test_wheel_holds_patched_sources_and_a_true_record(maker, tmp_path):
    wheel = tmp_path / maker.WHEEL_NAME
    maker.write_wheel(maker.wheel_files(source_files()), wheel)
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert contents["detectron2/data/transforms/transform.py"] == b"interp = Image.BILINEAR\n"
    assert contents["detectron2/projects/deeplab/__init__.py"] == b"deeplab = 1\n"
    assert "setup.py" not in contents
    assert contents["detectron2-0.6.dist-info/LICENSE"] == b"license text"
    assert b"Requires-Dist: setuptools<81\n" in contents["detectron2-0.6.dist-info/METADATA"]

    record = csv.reader(contents["detectron2-0.6.dist-info/RECORD"].decode().splitlines())
    listed = {name: (digest, size) for name, digest, size in record}
    assert listed.keys() == contents.keys()
    assert listed.pop("detectron2-0.6.dist-info/RECORD") == ("", "")
    for name, (digest, size) in listed.items():
        sha256 = base64.urlsafe_b64encode(hashlib.sha256(contents[name]).digest())
        assert digest == "sha256=" + sha256.decode().rstrip("=")
        assert int(size) == len(contents[name])


def test_stub_of_compiled_operators_says_what_is_missing(maker):
    stub = ModuleType("detectron2._C")
    exec(maker.STUB, stub.__dict__)
    assert not stub.has_cuda()
    with pytest.raises(AttributeError, match="detectron2._C.nms_rotated is a compiled operator"):
        _ = stub.nms_rotated


def test_source_of_another_content_is_refused(maker, tmp_path):
    changed = source_files() | {"detectron2/data/transforms/transform.py": b"no such name\n"}
    with pytest.raises(ValueError, match="holds 'Image.LINEAR' 0 times"):
        maker.wheel_files(changed)
    sdist = tmp_path / "pb1-detectron2-0.6.tar.gz"
    with tarfile.open(sdist, "w:gz"):
        pass
    with pytest.raises(ValueError, match="it is another file"):
        maker.read_sdist(sdist)
