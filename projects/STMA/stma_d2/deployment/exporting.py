"""Writing a network as an exported folder: whole and compared with the network, or not at all."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode

from ..checkpoint import local_path
from ..errors import InputError
from ..files import atomic_folder, file_sha256
from ..modeling import STMA
from ..version import __version__
from .comparison import compare
from .exported import ExportedNetwork, OnnxPart, Part
from .onnx_file import write_onnx
from .parts import ExportablePart, exportable_parts, traced
from .record import ACTION, HEATMAP, inference_config, write_record

FORMATS = ("onnx", "pt2")
TOLERANCE = 1e-4  # see `compare`


@torch.no_grad()
def export_network(
    model: STMA,
    cfg: CfgNode,
    labels: Sequence[str],
    folder: str | os.PathLike[str],
    frames: np.ndarray,
    formats: Sequence[str] = FORMATS[:1],
) -> dict[str, float]:
    """Write a network's parts, compare them with it, and let the folder appear.

    Args:
        model: with its weights, in evaluation mode, on the CPU.
        cfg: its configuration; MODEL.WEIGHTS names where the weights are from.
        labels: class names.
        folder: to write; it must be missing or empty.
        frames: (n, height, width, 3) uint8 BGR, of a video on which the files must give what the
            network gives; they must on random frames too.
        formats: "onnx", for ONNX Runtime, and "pt2", of ``torch.export``.

    Returns:
        The largest difference of each file's outputs, see `compare`.

    Raises:
        InputError: if the folder exists, a part cannot be exported, or a file gives something else
            than the network. Nothing is written then.
    """
    check_folder(folder)
    folder = Path(folder)
    inputs = cfg.INPUT
    parts = exportable_parts(model, inputs.SIZE, inputs.SNIPPET_LENGTH, inputs.CLIP_LENGTH)
    with atomic_folder(folder) as new:
        programs, differences = {}, {}
        for name, part in parts.items():
            with _named(name):
                programs[name] = traced(part)
        for kind in formats:
            write, read = (write_onnx, OnnxPart) if kind == "onnx" else (_write_pt2, _read_pt2)
            for name, part in parts.items():
                with _named(f"{name}.{kind}"):
                    write(part, programs[name], new / f"{name}.{kind}")
            loaded = {name: read(new / f"{name}.{kind}") for name in parts}
            found = compare(model, ExportedNetwork(loaded, cfg, _strides(model)), cfg, frames)
            for name, difference in found.items():
                _check(f"{name}.{kind}", difference)
                differences[f"{name}.{kind}"] = difference
        write_record(new, _record(model, cfg, labels, new, parts, differences))
    return differences


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder that must not be written.

    Raises:
        InputError: if it is there and not empty.
    """
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder} exists already: name a new folder, or remove it first")


@contextmanager
def _named(file: str) -> Iterator[None]:
    """Say which file it was that could not be written."""
    try:
        yield
    except (InputError, OSError):
        raise
    except Exception as error:  # of whatever PyTorch's exporters are made of
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{file} cannot be exported ({type(error).__name__}: {reason}); nothing is written"
        ) from error


def _check(file: str, difference: float) -> None:
    if not difference <= TOLERANCE:  # NaN is refused too
        raise InputError(
            f"{file} gives something else than the network: an output differs by {difference:.1e}, "
            f"and {TOLERANCE:.0e} is allowed; nothing is written"
        )


def _strides(model: STMA) -> dict[str, int]:
    has_action = model.action_head is not None
    return {HEATMAP: model.stride, **({ACTION: model.action_stride} if has_action else {})}


def _record(
    model: STMA,
    cfg: CfgNode,
    labels: Sequence[str],
    folder: Path,
    parts: dict[str, ExportablePart],
    differences: dict[str, float],
) -> dict[str, Any]:
    config = inference_config(cfg)
    # What the exported files are run as, wherever the network was trained.
    config["MODEL"]["DEVICE"], config["TEST"]["AMP"]["ENABLED"] = "cpu", False
    files = {}
    for name, difference in differences.items():
        part = parts[Path(name).stem]
        files[name] = {
            "sha256": file_sha256(folder / name),
            "inputs": {key: _shape(part, value) for key, value in part.examples.items()},
            "outputs": dict(zip(part.outputs, _output_shapes(part), strict=True)),
            "largest_difference": float(f"{difference:.1e}"),
        }
    weights = cfg.MODEL.WEIGHTS
    return {
        "labels": list(labels),
        "config": config,
        "strides": _strides(model),
        "files": files,
        "made_by": {
            "stma_d2": __version__,
            "torch": str(torch.__version__),
            "weights": os.path.basename(weights),
            "sha256": file_sha256(local_path(weights)) if weights else "",
        },
    }


def _shape(part: ExportablePart, tensor: torch.Tensor) -> list[str | int]:
    return [part.rows, *tensor.shape[1:]]


def _output_shapes(part: ExportablePart) -> list[list[str | int]]:
    return [_shape(part, tensor) for tensor in part.module(*part.examples.values())]


def _write_pt2(part: ExportablePart, program: torch.export.ExportedProgram, path: Path) -> None:
    torch.export.save(program, path)


def _read_pt2(path: Path) -> Part:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given buffer is not writable")  # PyTorch's own
        return torch.export.load(path).module()
