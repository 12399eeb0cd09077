"""Other projects' weights under the keys of our model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..errors import InputError

# A message names so many keys; a checkpoint of another network differs in hundreds.
_SHOWN_KEYS = 4

Settings = Mapping[str, str | int | bool]


@dataclass(frozen=True)
class Dropped:
    """What an origin's ``rename`` returns for a tensor that our model has no use for."""

    reason: str


Rename = Callable[[str], str | Dropped]


@dataclass(frozen=True)
class Origin:
    """One kind of checkpoint that another project publishes.

    Attributes:
        name: what it is, for messages.
        part: the part of our model that it fills: "backbone", "backbone_3d", or "" for all of it.
        mark: what tells it from the other origins, for messages.
        is_marked: whether a plain state dict (see `unwrap`) has this mark.
        rename: key of the checkpoint -> key of our model, or `Dropped`. A key that it does not know
            stays as it is and is refused, because our model has no such key.
        settings: plain state dict -> configuration key -> the value that the weights need.
        shapes: these settings -> key of our model -> shape, for all that the checkpoint must hold.
        optional: prefixes of our keys; the checkpoint may lack all tensors under them, not some.
        extra: our keys that the checkpoint may hold besides, in any shape.
    """

    name: str
    part: str
    mark: str
    is_marked: Callable[[Mapping[str, torch.Tensor]], bool]
    rename: Rename
    settings: Callable[[Mapping[str, torch.Tensor]], Settings]
    shapes: Callable[[Settings], Mapping[str, tuple[int, ...]]]
    optional: tuple[str, ...] = ()
    extra: frozenset[str] = frozenset()


def marked_by(name: str, dimensions: int) -> dict[str, Any]:
    """``mark`` and ``is_marked`` of an `Origin` with a tensor of that name and dimensions.

    It is known in the base network alone and inside others.
    """
    names = [prefix + name for prefix in ("", "backbone.", "base.", "backbone.base.")]
    return {
        "mark": f"a {name} of {dimensions} dimensions",
        "is_marked": lambda weights: any(
            name in weights and weights[name].dim() == dimensions for name in names
        ),
    }


@dataclass
class Conversion:
    """The weights under our keys, and what became of each tensor.

    Attributes:
        weights: key of our model -> tensor.
        sources: key of our model -> the checkpoint's key. Batch counters that the checkpoint lacks
            are in ``weights`` only.
        dropped: key of the checkpoint -> why our model has no use for it.
        missing: keys of our model that the checkpoint lacks; they keep their initialization.
        settings: configuration key -> the value that the weights need.
    """

    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    settings: Settings = field(default_factory=dict)


def unwrap(checkpoint: Mapping) -> dict[str, torch.Tensor]:
    """Take the plain state dict out of a checkpoint.

    Args:
        checkpoint: a state dict, or a dict that holds one under ``state_dict``. The ``module.``
            that torch's DataParallel puts in front of the keys is removed.

    Raises:
        InputError: if it holds no weights, or something else among the weights.
    """
    state_dict = checkpoint
    if isinstance(checkpoint, Mapping):
        state_dict = checkpoint.get("state_dict", checkpoint)
    if not isinstance(state_dict, Mapping) or not state_dict:
        raise InputError("the checkpoint is no state dict and holds none under 'state_dict'")
    for key, value in state_dict.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise InputError(
                f"the checkpoint's state dict has {type(value).__name__} under {key!r} where a "
                "tensor belongs; extract its weights first"
            )
    return {key.removeprefix("module."): value for key, value in state_dict.items()}


def network_shapes(build: Callable[[], nn.Module], prefix: str) -> dict[str, tuple[int, ...]]:
    """Key -> shape of a network's state dict, ``prefix`` before each key; allocates no weights."""
    with torch.device("meta"):
        return {prefix + key: tuple(value.shape) for key, value in build().state_dict().items()}


def convert(checkpoint: Mapping, origin: Origin) -> Conversion:
    """Rename a checkpoint's weights and check that they fit our model.

    Args:
        checkpoint: see `unwrap`.
        origin: what the checkpoint should be.

    Raises:
        InputError: if a key is unknown, a shape differs, or weights lack.
    """
    source = unwrap(checkpoint)
    result = Conversion(settings=origin.settings(source))
    shapes = origin.shapes(result.settings)
    unknown, misshapen = [], []
    for key, tensor in source.items():
        ours = origin.rename(key)
        if isinstance(ours, Dropped):
            result.dropped[key] = ours.reason
        elif ours in result.weights or ours not in shapes.keys() | origin.extra:
            unknown.append(key)
        elif tuple(tensor.shape) != shapes.get(ours, tuple(tensor.shape)):
            misshapen.append(f"{key} is {tuple(tensor.shape)}, not {shapes[ours]}")
        else:
            result.weights[ours], result.sources[ours] = tensor, key
    if unknown or misshapen:
        reason = f"no place for {_some(unknown)}" if unknown else _some(misshapen)
        raise InputError(f"these are not the weights of {origin.name}: {reason}")
    _add_batch_counters(result.weights, shapes)
    result.missing = _missing(result.weights, shapes, origin)
    return result


def convert_part(checkpoint: Mapping, origin: Origin) -> dict[str, torch.Tensor]:
    """As `convert`, but only the weights of ``origin.part``, under that module's own keys."""
    prefix = f"{origin.part}." if origin.part else ""
    weights = convert(checkpoint, origin).weights
    return {k.removeprefix(prefix): value for k, value in weights.items() if k.startswith(prefix)}


def _add_batch_counters(weights: dict[str, torch.Tensor], shapes: Iterable[str]) -> None:
    """Add the counters that weights older than torch 0.4.1 lack; our networks do not read them."""
    for key in shapes:
        statistics = key.replace("num_batches_tracked", "running_mean")
        if key != statistics and statistics in weights and key not in weights:
            weights[key] = torch.zeros((), dtype=torch.int64)


def _missing(weights: Mapping, shapes: Mapping, origin: Origin) -> tuple[str, ...]:
    missing = [key for key in shapes if key not in weights]
    optional = [key for key in shapes if key.startswith(origin.optional)]
    gaps = [key for key in missing if key not in optional]
    if not gaps and len(missing) != len(optional):
        gaps = missing
    if gaps:
        raise InputError(f"the weights of {origin.name} are incomplete: nothing for {_some(gaps)}")
    return tuple(missing)


def _some(items: Iterable[str]) -> str:
    items = list(items)
    more = len(items) - _SHOWN_KEYS
    return ", ".join(items[:_SHOWN_KEYS]) + (f" and {more} more" if more > 0 else "")
