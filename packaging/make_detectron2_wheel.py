"""Make a pure-Python wheel of Detectron2 0.6 from what the Python package index has.

Detectron2 is not on the index under its own name. The source distribution ``pb1-detectron2==0.6``
is: its Python files are those of Detectron2's v0.6 tag, the sources of the compiled operators are
missing. The wheel made here holds those files with two changes:

* ``detectron2._C``, the compiled operators, is a stub that imports and says what is missing when
  one of them is called (rotated boxes, Detectron2's own deformable convolution, fast COCO API);
* ``Image.LINEAR``, which Pillow 10 removed, becomes its other name ``Image.BILINEAR``.

The interpreter that runs this script runs pip, which needs setuptools, and torch, because the
distribution's ``setup.py`` imports it. The file is accepted by its sha256 only, before any of its
code runs.

    python packaging/make_detectron2_wheel.py [--output-dir DIR] [--sdist FILE]
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

NAME = "detectron2"
VERSION = "0.6"
WHEEL_NAME = f"{NAME}-{VERSION}-py3-none-any.whl"
SDIST_REQUIREMENT = "pb1-detectron2==0.6"
SDIST_SHA256 = "5d2e9e51e523ec72f6a31cca04b0a515492e9514b773a3d134cedc0677170b29"

# What the package itself imports. Of the source's own list, `black`, `future` and `pydot` are left
# out: only LazyConfig.to_py and the Caffe2 export, which PyTorch no longer has, use them.
REQUIREMENTS = (
    "Pillow>=7.1",
    "matplotlib",
    "pycocotools>=2.0.2",
    "termcolor>=1.1",
    "yacs>=0.1.8",
    "tabulate",
    "cloudpickle",
    "tqdm>4.29.0",
    "tensorboard",
    "fvcore>=0.1.5,<0.1.6",
    "iopath>=0.1.7,<0.1.10",
    "omegaconf>=2.1",
    "hydra-core>=1.1",
    "setuptools<81",  # the model zoo imports pkg_resources
)

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

# A wheel is a zip file with dates; a fixed one makes equal inputs give equal wheels.
ZIP_DATE = (2022, 1, 1, 0, 0, 0)


def download_sdist(folder: Path) -> Path:
    """Fetch the source distribution with pip, from the index that pip is configured with.

    Args:
        folder: An existing folder, which receives the file.

    Returns:
        The path of the file.

    Raises:
        subprocess.CalledProcessError: When pip fails; its output has been printed.
        FileNotFoundError: When pip succeeds but leaves no source distribution.
    """
    requirement = folder / "sdist.txt"
    # With a hash beside it, pip refuses any other file before it runs the file's setup.py.
    requirement.write_text(f"{SDIST_REQUIREMENT} --hash=sha256:{SDIST_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", "pb1-detectron2", "--dest", str(folder)]
    command += ["--requirement", str(requirement)]
    subprocess.run(command, check=True)
    found = list(folder.glob("pb1[-_]detectron2-0.6.tar.gz"))
    if not found:
        raise FileNotFoundError(f"pip left no source distribution of {SDIST_REQUIREMENT}")
    return found[0]


def read_sdist(path: Path, sha256: str = SDIST_SHA256) -> dict[str, bytes]:
    """Read the source distribution's regular files.

    Args:
        path: The ``.tar.gz`` file.
        sha256: The digest that the file must have, in hexadecimal digits.

    Returns:
        The files' contents by their path below the distribution's top folder.

    Raises:
        ValueError: When the file has another digest.
    """
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(f"{path} has sha256 {found}, not {sha256}: it is not the file we know.")
    files = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            if member.isfile():
                inner = PurePosixPath(*PurePosixPath(member.name).parts[1:])
                files[str(inner)] = archive.extractfile(member).read()
    return files


def wheel_files(sdist: dict[str, bytes]) -> dict[str, bytes]:
    """Choose, move and patch the source files that the wheel holds.

    Args:
        sdist: Contents by path, as `read_sdist` returns them.

    Returns:
        Contents by path in the wheel, the stub of the compiled operators included, the wheel's own
        metadata not.

    Raises:
        ValueError: When a text to be patched does not occur exactly once.
    """
    files = {STUB_PATH: STUB.encode()}
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


def wheel_metadata(license_text: bytes) -> dict[str, bytes]:
    """Make the files of the wheel's ``.dist-info`` folder, all but RECORD."""
    info = f"{NAME}-{VERSION}.dist-info"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {NAME}",
        f"Version: {VERSION}",
        "Summary: Detectron2 v0.6 without its compiled operators",
        "Home-page: https://github.com/facebookresearch/detectron2",
        "Author: FAIR",
        "License: Apache-2.0",
        "License-File: LICENSE",
        "Requires-Python: >=3.7",
        *(f"Requires-Dist: {requirement}" for requirement in REQUIREMENTS),
    ]
    wheel = [
        "Wheel-Version: 1.0",
        "Generator: make_detectron2_wheel",
        "Root-Is-Purelib: true",
        "Tag: py3-none-any",
    ]
    return {
        f"{info}/LICENSE": license_text,
        f"{info}/METADATA": "\n".join(metadata + [""]).encode(),
        f"{info}/WHEEL": "\n".join(wheel + [""]).encode(),
        f"{info}/top_level.txt": f"{NAME}\n".encode(),
    }


def write_wheel(files: dict[str, bytes], path: Path) -> None:
    """Write files and their RECORD as a wheel: whole, or not at all.

    Args:
        files: Contents by path in the wheel, without RECORD.
        path: The wheel to write; its folder exists.
    """
    record_path = f"{NAME}-{VERSION}.dist-info/RECORD"
    record = [_record_line(name, content) for name, content in sorted(files.items())]
    record.append(f"{record_path},,")
    # RECORD last, as the wheel format recommends.
    ordered = [*sorted(files.items()), (record_path, "\n".join(record + [""]).encode())]
    partial = path.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ordered:
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    os.replace(partial, path)


def _record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}"


def make_wheel(sdist: Path, output_dir: Path) -> Path:
    """Turn the source distribution into the wheel.

    Args:
        sdist: The file ``pb1-detectron2-0.6.tar.gz``.
        output_dir: The folder that receives the wheel; made when missing.

    Returns:
        The path of the wheel.

    Raises:
        ValueError: When `sdist` is not the file we know.
    """
    source = read_sdist(sdist)
    files = wheel_files(source) | wheel_metadata(source["LICENSE"])
    output_dir.mkdir(parents=True, exist_ok=True)
    wheel = output_dir / WHEEL_NAME
    write_wheel(files, wheel)
    return wheel


def main(argv: list[str] | None = None) -> None:
    """Fetch the source distribution, unless it is given, and print the path of the wheel."""
    parser = argparse.ArgumentParser(description="Make a pure-Python wheel of Detectron2 0.6.")
    parser.add_argument(
        "--output-dir", type=Path, default=Path(), help="folder of the wheel (default: this one)"
    )
    parser.add_argument(
        "--sdist", type=Path, help=f"the source distribution of {SDIST_REQUIREMENT}, if at hand"
    )
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        sdist = arguments.sdist or download_sdist(Path(folder))
        print(make_wheel(sdist, arguments.output_dir))


if __name__ == "__main__":
    main()
