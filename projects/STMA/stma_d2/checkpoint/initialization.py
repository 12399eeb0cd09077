"""One file for MODEL.WEIGHTS from one or two files of other projects."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import InputError
from ..files import atomic_write, file_sha256
from .centernet import CENTERNET_DLA34, CENTERNET_RESNET18
from .conversion import Conversion, convert, unwrap
from .moc import MOC
from .reading import read_checkpoint
from .resnext3d import RESNEXT3D
from .seal import seal
from .weights import to_dtype

# In the order in which they are looked for: a MOC model has the marks of the others too.
ORIGINS = {
    "moc": MOC,
    "resnext3d": RESNEXT3D,
    "dla34": CENTERNET_DLA34,
    "resnet18": CENTERNET_RESNET18,
}


@dataclass(frozen=True)
class ConvertedFile:
    """A checkpoint of another project under the keys of our model.

    Attributes:
        path: of the file.
        sha256: of the file's content.
        kind: its origin, a key of `ORIGINS`.
        conversion: its weights, float32 (batch counters: int64), and what became of each tensor.
    """

    path: str
    sha256: str
    kind: str
    conversion: Conversion


def convert_file(path: str | os.PathLike[str], kind: str | None = None) -> ConvertedFile:
    """Read a checkpoint of another project and rename its weights.

    Args:
        path: file of ``torch.save``; nothing in it is run.
        kind: key of `ORIGINS`; None finds it out by the checkpoint's keys.

    Raises:
        InputError: naming the file, if it cannot be read, does not fit or holds numbers that are no
            weights; or if there is no such kind.
    """
    if kind is not None and kind not in ORIGINS:
        raise InputError(f"there is no kind {kind!r} of weights; there are {', '.join(ORIGINS)}")
    path = os.fspath(path)
    checkpoint = read_checkpoint(path)
    if isinstance(checkpoint, dict) and {"model", "__author__"} <= checkpoint.keys():
        raise InputError(f"{path} is converted already, or Detectron2's: give it as MODEL.WEIGHTS")
    try:
        kind = kind or _recognize(unwrap(checkpoint))
        conversion = convert(checkpoint, ORIGINS[kind])
        for key, tensor in conversion.weights.items():
            dtype = torch.int64 if key.endswith("num_batches_tracked") else torch.float32
            source = conversion.sources.get(key, key)
            conversion.weights[key] = to_dtype(source, tensor, dtype).contiguous()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return ConvertedFile(path, file_sha256(path), kind, conversion)


def write_initialization(path: str | os.PathLike[str], files: Sequence[ConvertedFile]) -> None:
    """Write a file for MODEL.WEIGHTS in Detectron2's own format.

    It holds ``model`` (key of our model -> array), ``__author__`` and ``sources`` (name, SHA-256
    and kind of each input), and ends with a checksum.

    Args:
        path: ends in ``.pkl``, by which Detectron2 knows the format; appears whole or not at all.
        files: a 2D backbone, a 3D backbone, both, or a whole model.

    Raises:
        InputError: if two inputs fill the same part, or the path has another ending.
    """
    path = os.fspath(path)
    if not path.endswith(".pkl"):
        raise InputError(f"the output {path} must end in .pkl: Detectron2 goes by the name")
    _check_parts(files)
    names = [os.path.basename(file.path) for file in files]
    content = {
        "model": {
            key: tensor.numpy() for file in files for key, tensor in file.conversion.weights.items()
        },
        "__author__": f"stma_d2, converted from {' and '.join(names)}",
        "sources": [
            {"name": name, "sha256": file.sha256, "kind": file.kind}
            for name, file in zip(names, files, strict=True)
        ],
    }
    with atomic_write(path) as output:
        pickle.dump(content, output)
        seal(output)


def is_initialization(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a file of `write_initialization` holds backbones, and no whole network of MOC's."""
    sources = checkpoint.get("sources")
    if not isinstance(sources, list):
        return False
    return not any(isinstance(one, dict) and one.get("kind") == "moc" for one in sources)


def _recognize(weights: Mapping[str, torch.Tensor]) -> str:
    for kind, origin in ORIGINS.items():
        if origin.is_marked(weights):
            return kind
    reasons = "".join(f"\n  {k}: {o.name} has {o.mark}" for k, o in ORIGINS.items())
    first = ", ".join(list(weights)[:3])
    raise InputError(f"none of the known origins; its first keys are {first}, while{reasons}")


def _check_parts(files: Sequence[ConvertedFile]) -> None:
    by_part: dict[str, ConvertedFile] = {}
    for file in files:
        part = ORIGINS[file.kind].part
        if part in by_part:
            what = f"the part {part}" if part else "a whole model"
            raise InputError(f"{by_part[part].path} and {file.path} are both {what}; give one")
        by_part[part] = file
    if "" in by_part and len(files) > 1:
        raise InputError(
            f"{by_part[''].path} is a whole model and goes alone; its backbone alone can go "
            "with another file, if its kind is given as dla34 or resnet18"
        )
