"""Make a pure-Python wheel of Detectron2 0.6 from what the Python package index has.

    python packaging/make_detectron2_wheel.py FOLDER

Detectron2 is not on the index under its own name. The source distribution ``pb1-detectron2==0.6``
is: its Python files are those of Detectron2's v0.6 tag, the sources of the compiled operators are
missing. The wheel made here holds those files with two changes:

* ``detectron2._C``, the compiled operators, is a stub that imports and says what is missing when
  one of them is called (rotated boxes, Detectron2's own deformable convolution, fast COCO API);
* ``Image.LINEAR``, which Pillow 10 removed, becomes its other name ``Image.BILINEAR``.

The interpreter that runs this script runs pip, which needs setuptools, and torch, because the
distribution's ``setup.py`` imports it. The file is accepted by its sha256 only, before any of its
code runs.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

WHEEL_NAME = "detectron2-0.6-py3-none-any.whl"
SDIST_REQUIREMENT = "pb1-detectron2==0.6"
SDIST_SHA256 = "5d2e9e51e523ec72f6a31cca04b0a515492e9514b773a3d134cedc0677170b29"

# Folders of the source distribution -> folders of the wheel, as the source's setup.py maps them.
SOURCE_FOLDERS = {
    "detectron2": "detectron2",
    "projects/PointRend/point_rend": "detectron2/projects/point_rend",
    "projects/DeepLab/deeplab": "detectron2/projects/deeplab",
    "projects/Panoptic-DeepLab/panoptic_deeplab": "detectron2/projects/panoptic_deeplab",
}

# File of the wheel -> (text, its replacement); the text must occur exactly once.
PATCHES = {
    "detectron2/data/transforms/transform.py": ("Image.LINEAR", "Image.BILINEAR"),
}

STUB_PATH = "detectron2/_C.py"
STUB = '''\
"""Stands in for Detectron2's compiled operators, which this pure-Python build leaves out."""


def get_compiler_version():
    return "none (pure-Python build)"


def get_cuda_version():
    return "none (pure-Python build)"


def has_cuda():
    return False


def __getattr__(name):
    raise AttributeError(
        f"detectron2._C.{name} is a compiled operator, and this pure-Python build of Detectron2 "
        "has none: build Detectron2 from its repository to use it."
    )
'''

DIST_INFO = "detectron2-0.6.dist-info"
# The requirements are what the package itself imports. Of the source's own list, `black`, `future`
# and `pydot` are left out: only LazyConfig.to_py and the Caffe2 export, which PyTorch no longer
# has, use them. The model zoo imports pkg_resources, which setuptools 81 removed.
METADATA = """\
Metadata-Version: 2.1
Name: detectron2
Version: 0.6
Summary: Detectron2 v0.6 without its compiled operators
Home-page: https://github.com/facebookresearch/detectron2
Author: FAIR
License: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.7
Requires-Dist: Pillow>=7.1
Requires-Dist: matplotlib
Requires-Dist: pycocotools>=2.0.2
Requires-Dist: termcolor>=1.1
Requires-Dist: yacs>=0.1.8
Requires-Dist: tabulate
Requires-Dist: cloudpickle
Requires-Dist: tqdm>4.29.0
Requires-Dist: tensorboard
Requires-Dist: fvcore>=0.1.5,<0.1.6
Requires-Dist: iopath>=0.1.7,<0.1.10
Requires-Dist: omegaconf>=2.1
Requires-Dist: hydra-core>=1.1
Requires-Dist: setuptools<81
"""
WHEEL = """\
Wheel-Version: 1.0
Generator: make_detectron2_wheel
Root-Is-Purelib: true
Tag: py3-none-any
"""

# A wheel is a zip file with dates; a fixed one makes equal inputs give equal wheels.
ZIP_DATE = (2022, 1, 1, 0, 0, 0)


def download_sdist(folder: Path) -> Path:
    """Fetch the source distribution into a folder, from the index that pip is configured with.

    Raises:
        SystemExit: When pip fails; it has printed why.
    """
    requirement = folder / "sdist.txt"
    # With a hash beside it, pip refuses any other file before it runs the file's setup.py.
    requirement.write_text(f"{SDIST_REQUIREMENT} --hash=sha256:{SDIST_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", "pb1-detectron2", "--dest", folder, "--requirement", requirement]
    if subprocess.run(command).returncode:
        sys.exit(f"pip could not fetch {SDIST_REQUIREMENT}")
    return next(folder.glob("pb1[-_]detectron2-0.6.tar.gz"))


def read_sdist(path: Path) -> dict[str, bytes]:
    """Read the source distribution's files: contents by path below the distribution's top folder.

    Raises:
        ValueError: When the file has another sha256 than the one we know.
    """
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SDIST_SHA256:
        raise ValueError(f"{path} has sha256 {found}, not {SDIST_SHA256}: it is another file.")
    files = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            if member.isfile():
                inner = PurePosixPath(*PurePosixPath(member.name).parts[1:])
                files[str(inner)] = archive.extractfile(member).read()
    return files


def wheel_files(sdist: dict[str, bytes]) -> dict[str, bytes]:
    """Choose, move and patch the files of the source distribution, and add the wheel's own.

    Args:
        sdist: Contents by path, as `read_sdist` returns them.

    Returns:
        Contents by path in the wheel, all but RECORD.

    Raises:
        ValueError: When a text to be patched does not occur exactly once.
    """
    files = {
        STUB_PATH: STUB.encode(),
        f"{DIST_INFO}/LICENSE": sdist["LICENSE"],
        f"{DIST_INFO}/METADATA": METADATA.encode(),
        f"{DIST_INFO}/WHEEL": WHEEL.encode(),
        f"{DIST_INFO}/top_level.txt": b"detectron2\n",
    }
    for source, destination in SOURCE_FOLDERS.items():
        for path, content in sdist.items():
            if path.startswith(f"{source}/"):
                files[destination + path[len(source) :]] = content
    for path, (old, new) in PATCHES.items():
        count = files.get(path, b"").count(old.encode())
        if count != 1:
            raise ValueError(f"{path} holds '{old}' {count} times, expected once.")
        files[path] = files[path].replace(old.encode(), new.encode())
    return files


def write_wheel(files: dict[str, bytes], path: Path) -> None:
    """Write files (contents by path) and their RECORD as a wheel."""
    files = dict(sorted(files.items()))
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    record = f"{DIST_INFO}/RECORD"
    # Last, as the wheel format recommends.
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def main() -> None:
    """Fetch the source distribution and make the wheel in the folder that is named."""
    with tempfile.TemporaryDirectory() as folder:
        sdist = read_sdist(download_sdist(Path(folder)))
    write_wheel(wheel_files(sdist), Path(sys.argv[1]) / WHEEL_NAME)


if __name__ == "__main__":
    main()
