"""Installs the package stma_d2 with its configs: ``pip install -e projects/STMA``.

Detectron2 has to be there already; it is not on the Python package index under its own name.
"""

import site
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from runpy import run_path

from setuptools import find_packages, setup

# Where a network is exported; onnxruntime alone where it then runs. Of DeformConv on CPUs, which
# DLA-34 and ResNet-18 have, it knows from 1.25 on, for which it wants Python 3.11.
EXPORT = ["onnx", "onnxscript", "onnxruntime>=1.23"]


def opencv() -> list[str]:
    """Return a requirement of OpenCV where cv2 is missing.

    Several packages bring cv2, and a second one would overwrite the first. pip runs this file with
    the environment's packages hidden from `sys.path`, so they are looked up where they lie.
    """
    folders = [*sys.path, *site.getsitepackages(), site.getusersitepackages()]
    return [] if PathFinder.find_spec("cv2", folders) else ["opencv-python-headless"]


setup(
    name="stma_d2",
    version=run_path(str(Path(__file__).with_name("stma_d2") / "version.py"))["__version__"],
    description="Spatio-temporal action tubelet detection (STMA) for Detectron2",
    license="Apache-2.0",
    python_requires=">=3.10",
    # The configs lie beside the package, as in all Detectron2 projects; an installed package holds
    # them as stma_d2/model_zoo/configs.
    packages=[*find_packages(include=["stma_d2", "stma_d2.*"]), "stma_d2.model_zoo.configs"],
    package_dir={"stma_d2.model_zoo.configs": "configs"},
    package_data={
        "stma_d2.model_zoo.configs": ["**/*.yaml"],
        "stma_d2.visualization": ["templates/*"],
        "stma_d2.model_zoo": ["trained/**", "records/*.json"],
    },
    install_requires=[
        "torch",
        "torchvision",
        "numpy",
        "numba",
        "timm",
        "av>=17",
        "jinja2",  # PyTorch brings it
        # Detectron2 brings these too.
        "fvcore",
        "iopath",
        "matplotlib",
        "pillow",
        "tabulate",
        "tqdm",
        *opencv(),
    ],
    entry_points={
        "console_scripts": [
            "stma-train = stma_d2.engine:command_line",
            "stma-demo = stma_d2.inference.demo:command_line",
            "stma-convert-annotations = stma_d2.convert_annotations:command_line",
        ]
    },
    extras_require={
        "deploy": EXPORT,
        "dev": [
            *EXPORT,
            "pytest",
            "pytest-xdist",
            "hypothesis",
            "ruff",
            # The notebook, the API reference and the annotations' schema.
            "ipykernel",
            "jsonschema",
            "nbclient",
            "nbformat",
            "pandas",
            "pdoc",
        ],
    },
)
