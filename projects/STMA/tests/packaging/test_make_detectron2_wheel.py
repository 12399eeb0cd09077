from __future__ import annotations

import base64
import csv
import hashlib
import tarfile
import zipfile
from types import ModuleType

import pytest


def source_files() -> dict[str, bytes]:
    return {
        "LICENSE": b"license text",
        "setup.py": b"raise SystemExit",
        "detectron2/__init__.py": b'__version__ = "0.6"\n',
        "detectron2/data/transforms/transform.py": b"interp = Image.LINEAR\n",
        "projects/DeepLab/deeplab/__init__.py": b"deeplab = 1\n",
    }


def test_wheel_holds_patched_sources_and_a_true_record(load, tmp_path):
    module = load("make_detectron2_wheel")
    files = module.wheel_files(source_files())
    assert files["detectron2/data/transforms/transform.py"] == b"interp = Image.BILINEAR\n"
    assert files["detectron2/projects/deeplab/__init__.py"] == b"deeplab = 1\n"
    assert "setup.py" not in files

    wheel = tmp_path / module.WHEEL_NAME
    module.write_wheel(files | module.wheel_metadata(b"license text"), wheel)
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    record = csv.reader(contents["detectron2-0.6.dist-info/RECORD"].decode().splitlines())
    listed = {name: (digest, size) for name, digest, size in record}
    assert listed.keys() == contents.keys()
    for name, (digest, size) in listed.items():
        if digest:
            sha256 = base64.urlsafe_b64encode(hashlib.sha256(contents[name]).digest())
            assert digest == "sha256=" + sha256.decode().rstrip("=")
            assert int(size) == len(contents[name])
    assert contents["detectron2-0.6.dist-info/LICENSE"] == b"license text"
    assert b"Requires-Dist: setuptools<81\n" in contents["detectron2-0.6.dist-info/METADATA"]


def test_stub_of_compiled_operators_says_what_is_missing(load):
    module = load("make_detectron2_wheel")
    stub = ModuleType("detectron2._C")
    exec(module.STUB, stub.__dict__)
    assert not stub.has_cuda()
    with pytest.raises(AttributeError, match="detectron2._C.nms_rotated is a compiled operator"):
        _ = stub.nms_rotated


def test_source_of_another_content_is_refused(load, tmp_path):
    module = load("make_detectron2_wheel")
    changed = source_files() | {"detectron2/data/transforms/transform.py": b"no such name\n"}
    with pytest.raises(ValueError, match="holds 'Image.LINEAR' 0 times"):
        module.wheel_files(changed)
    sdist = tmp_path / "pb1-detectron2-0.6.tar.gz"
    with tarfile.open(sdist, "w:gz"):
        pass
    with pytest.raises(ValueError, match="is not the file we know"):
        module.make_wheel(sdist, tmp_path)
    assert not (tmp_path / module.WHEEL_NAME).exists()
