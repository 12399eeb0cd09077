"""One initialization of a model from one or two files of other projects."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import InputError
from ..files import atomic_write
from .centernet import dla34_conversion, resnet18_conversion
from .conversion import Conversion, unwrap
from .moc import moc_conversion
from .reading import file_sha256, read_checkpoint
from .resnext3d import resnext3d_conversion


@dataclass(frozen=True)
class Origin:
    """A kind of foreign weights.

    Attributes:
        name: what they are, for messages.
        part: what they fill: "backbone", "backbone_3d", or "" for a whole model.
        mark: what tells them from the others, for messages.
        is_marked: whether a plain state dict (see `unwrap`) has that mark.
        convert: state dict -> the part's conversion.
    """

    name: str
    part: str
    mark: str
    is_marked: Callable[[Mapping[str, torch.Tensor]], bool]
    convert: Callable[[Mapping], Conversion]


# In the order in which they are looked for: a MOC model contains the others' marks.
ORIGINS = {
    "moc": Origin(
        "a whole MOC model",
        "",
        "keys that begin with branch.",
        lambda weights: any(key.startswith("branch.") for key in weights),
        moc_conversion,
    ),
    "resnext3d": Origin(
        "Hara et al.'s 3D ResNeXt",
        "backbone_3d",
        "a conv1.weight of five dimensions",
        lambda weights: _dimensions(weights, "conv1.weight") == 5,
        resnext3d_conversion,
    ),
    "dla34": Origin(
        "DLA-34 of CenterNet, MOC or ImageNet",
        "backbone",
        "a base_layer.0.weight of four dimensions",
        lambda weights: _dimensions(weights, "base_layer.0.weight") == 4,
        dla34_conversion,
    ),
    "resnet18": Origin(
        "ResNet-18 of CenterNet, MOC or ImageNet",
        "backbone",
        "a conv1.weight of four dimensions",
        lambda weights: _dimensions(weights, "conv1.weight") == 4,
        resnet18_conversion,
    ),
}


@dataclass(frozen=True)
class ConvertedFile:
    """A foreign checkpoint under the keys of a whole model.

    Attributes:
        path: of the file.
        sha256: of its content.
        kind: key of `ORIGINS`.
        conversion: its weights under the model's keys, ``backbone.`` and the like in front.
    """

    path: str
    sha256: str
    kind: str
    conversion: Conversion


def convert_file(path: str | os.PathLike[str], kind: str | None = None) -> ConvertedFile:
    """Read a foreign checkpoint and bring it under our keys.

    Args:
        path: file of ``torch.save``; it is read with ``weights_only=True``.
        kind: key of `ORIGINS`; None finds out by the keys.

    Raises:
        InputError: naming the file, if it cannot be read or does not fit, with the reason; or if
            there is no such kind.
    """
    if kind is not None and kind not in ORIGINS:
        raise InputError(f"there is no kind {kind!r} of weights; there are {', '.join(ORIGINS)}")
    path = os.fspath(path)
    checkpoint = read_checkpoint(path)
    try:
        weights = unwrap(checkpoint)
        kind = kind or _recognize(weights)
        conversion = ORIGINS[kind].convert(weights)
        _check_finite(conversion)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    part = ORIGINS[kind].part
    return ConvertedFile(
        path, file_sha256(path), kind, conversion.under(f"{part}.") if part else conversion
    )


def write_initialization(path: str | os.PathLike[str], files: Sequence[ConvertedFile]) -> None:
    """Write a file for MODEL.WEIGHTS in Detectron2's own format.

    It holds ``model`` (full key -> array, float32 but for the batch counters), ``__author__``, and
    ``sources``: name, SHA-256 and kind of each input.

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
            key: _to_array(tensor)
            for file in files
            for key, tensor in file.conversion.weights.items()
        },
        "__author__": f"stma_d2, converted from {' and '.join(names)}",
        "sources": [
            {"name": name, "sha256": file.sha256, "kind": file.kind}
            for name, file in zip(names, files, strict=True)
        ],
    }
    with atomic_write(path) as output:
        pickle.dump(content, output)


def _recognize(weights: Mapping[str, torch.Tensor]) -> str:
    for kind, origin in ORIGINS.items():
        if origin.is_marked(weights):
            return kind
    reasons = "".join(f"\n  {k}: {o.name} has {o.mark}" for k, o in ORIGINS.items())
    first = ", ".join(list(weights)[:3])
    raise InputError(f"none of the known origins; its first keys are {first}, while{reasons}")


def _dimensions(weights: Mapping[str, torch.Tensor], name: str) -> int | None:
    """Dimensions of the weight of that name, in a backbone or a base network or on its own."""
    for prefix in ("", "backbone.", "base.", "backbone.base."):
        if prefix + name in weights:
            return weights[prefix + name].dim()
    return None


def _check_finite(conversion: Conversion) -> None:
    for key, tensor in conversion.weights.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{conversion.sources[key]} holds NaN or infinite numbers")


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


def _to_array(tensor: torch.Tensor) -> np.ndarray:
    if tensor.is_floating_point():
        tensor = tensor.float()
    return tensor.detach().contiguous().numpy()
