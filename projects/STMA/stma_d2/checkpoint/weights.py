"""A checkpoint's tensors: whether they hold numbers and fit a model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from detectron2.checkpoint.c2_model_loading import align_and_update_state_dicts

from ..errors import InputError

CONVERT = "other projects' weights must go through tools/convert_weights.py first"


def to_dtype(key: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The tensor as ``dtype``.

    Args:
        key: names the tensor in messages.
        tensor: of any type.
        dtype: a floating-point type, or an integer type for a counter.

    Raises:
        InputError: if the tensor holds complex numbers or NaN, integers where weights belong,
            fractions where a counter belongs, or numbers that are infinite in ``dtype``; or if it
            is sparse, quantized or without memory.
    """
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        raise InputError(f"{key} is no plain tensor but sparse, quantized or without memory")
    if tensor.is_complex() or (dtype.is_floating_point and not tensor.is_floating_point()):
        raise InputError(f"{key} holds numbers of type {tensor.dtype} where {dtype} belongs")
    converted = tensor.detach().to(dtype)
    if dtype.is_floating_point and not converted.isfinite().all():
        raise InputError(f"{key} holds NaN, infinite numbers or numbers too large for {dtype}")
    if not dtype.is_floating_point and not (converted == tensor).all():
        raise InputError(f"{key} holds numbers that are not whole where it counts")
    return converted


def fit_weights(
    checkpoint: dict, ours: Mapping[str, torch.Tensor], must_fit: bool
) -> dict[str, torch.Tensor]:
    """Bring a checkpoint's weights under a model's keys and, where they fit, to its types.

    Args:
        checkpoint: of `read_detectron2_checkpoint`, which loses ``model`` and
            ``matching_heuristics``.
        ours: the model's state dict; stays as it is.
        must_fit: whether every tensor must be there and have the model's shape.

    Raises:
        InputError: if nothing fits, not all fits although it must, or what fits holds numbers that
            are no weights. The message is what to say of the checkpoint.
    """
    theirs = checkpoint.pop("model")
    if checkpoint.pop("matching_heuristics", False):
        is_caffe2 = checkpoint.get("__author__") == "Caffe2"
        try:
            theirs = align_and_update_state_dicts(ours, theirs, c2_conversion=is_caffe2)
        except Exception as error:  # names that Detectron2 did not think of: many kinds
            raise InputError(f"cannot be matched by names ({error}); {CONVERT}") from error
    if all(key.startswith("module.") for key in theirs):
        theirs = {key.removeprefix("module."): value for key, value in theirs.items()}
    fitting = [key for key in ours if key in theirs and ours[key].shape == theirs[key].shape]
    if not fitting:
        raise InputError(
            "fits nowhere in the configured model, whose tensors have other names or shapes; "
            f"{CONVERT}"
        )
    if must_fit:
        _check_fits_whole(ours, theirs)
    return theirs | {key: to_dtype(key, theirs[key], ours[key].dtype) for key in fitting}


def _check_fits_whole(ours: Mapping[str, torch.Tensor], theirs: Mapping[str, torch.Tensor]) -> None:
    problems = [
        f"{key} has shape {tuple(theirs[key].shape)} in the checkpoint and {tuple(value.shape)} in "
        "the model"
        for key, value in ours.items()
        if key in theirs and theirs[key].shape != value.shape
    ]
    problems += [f"{key} is missing" for key in ours if key not in theirs]
    problems += [f"{key} is not in the model" for key in theirs if key not in ours]
    if problems:
        shown = "; ".join(problems[:3])
        raise InputError(
            f"does not fit the configured model in {len(problems)} tensors "
            f"({shown}{'; ...' if len(problems) > 3 else ''}); use the configuration that it was "
            "trained with"
        )
