"""What the conversions of foreign weights share: unwrap, rename, refuse what does not fit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

from ..errors import InputError

logger = logging.getLogger(__name__)

# Keys named in a message; a checkpoint of another network differs in hundreds.
_SHOWN_KEYS = 4


@dataclass(frozen=True)
class Conversion:
    """Weights under our names, and what became of the others.

    Attributes:
        weights: our key -> tensor; load with ``load_state_dict``, ``strict=False`` if ``missing``.
        sources: our key -> the source's key it came from.
        dropped: the source's key -> why we have no use for it.
        missing: our keys that the source says nothing about; they keep their initialization.
        settings: configuration key -> the value that a model needs to take these weights.
    """

    weights: dict[str, torch.Tensor]
    sources: dict[str, str]
    dropped: dict[str, str]
    missing: tuple[str, ...]
    settings: dict[str, str | int | bool]

    def under(self, prefix: str) -> Conversion:
        """The same with ``prefix`` in front of our keys: a part's place in a whole model."""
        return replace(
            self,
            weights={prefix + key: value for key, value in self.weights.items()},
            sources={prefix + key: value for key, value in self.sources.items()},
            missing=tuple(prefix + key for key in self.missing),
        )


def unwrap(checkpoint: Mapping) -> dict[str, torch.Tensor]:
    """The plain state dict in a checkpoint.

    Args:
        checkpoint: a state dict, or a dict that holds one under ``state_dict``; ``module.`` in
            front of the keys (torch's DataParallel) is removed.

    Raises:
        InputError: if there are no weights in it, or anything else among them.
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


def expected_shapes(build: Callable[[], nn.Module]) -> dict[str, torch.Size]:
    """Key -> shape of the network's state dict, without allocating its weights."""
    with torch.device("meta"):
        return {key: value.shape for key, value in build().state_dict().items()}


def convert_keys(
    source: Mapping[str, torch.Tensor],
    name: str,
    *,
    rename: Callable[[str], str],
    drop: Callable[[str], str | None],
    expected: Mapping[str, torch.Size],
    settings: Mapping[str, str | int | bool],
    optional: Callable[[str], bool] = lambda key: False,
) -> Conversion:
    """Bring a state dict under our names and check that it fits the network.

    Args:
        source: the foreign state dict, see :func:`unwrap`.
        name: what the source should be, for messages.
        rename: foreign key -> our key.
        drop: foreign key -> why it is of no use to us, or None.
        expected: key -> shape of our network.
        settings: what the configuration must say to build our network.
        optional: tells the keys of ours that the source may lack, all of them or none.

    Returns:
        The conversion; what was dropped and what is missing is also logged.

    Raises:
        InputError: for keys that nothing accounts for, shapes that differ, or weights that lack.
    """
    weights: dict[str, torch.Tensor] = {}
    sources: dict[str, str] = {}
    dropped: dict[str, str] = {}
    unknown, misshapen = [], []
    for key, tensor in source.items():
        reason = drop(key)
        target = rename(key)
        if reason is not None:
            dropped[key] = reason
        elif target not in expected or target in weights:
            unknown.append(key)
        elif tensor.shape != expected[target]:
            misshapen.append(f"{key} is {tuple(tensor.shape)}, not {tuple(expected[target])}")
        else:
            weights[target], sources[target] = tensor, key
    if unknown:
        raise InputError(f"these are not the weights of {name}: no place for {_some(unknown)}")
    if misshapen:
        raise InputError(f"these are not the weights of {name}: {_some(misshapen)}")
    missing = _missing(weights, name, expected, optional)
    _report(name, dropped, missing)
    return Conversion(weights, sources, dropped, missing, dict(settings))


def _missing(
    weights: dict[str, torch.Tensor],
    name: str,
    expected: Mapping[str, torch.Size],
    optional: Callable[[str], bool],
) -> tuple[str, ...]:
    """Our keys without weights; refuses gaps, and completes counters that old weights lack."""
    missing = [key for key in expected if key not in weights]
    # Batch counters came with torch 0.4.1; they matter only without a momentum.
    for key in [k for k in missing if k.endswith(".num_batches_tracked")]:
        if key.replace("num_batches_tracked", "running_mean") in weights:
            weights[key] = torch.zeros((), dtype=torch.int64)
            missing.remove(key)
    whole_part = sum(optional(key) for key in expected)
    gaps = missing if len(missing) != whole_part else [k for k in missing if not optional(k)]
    if gaps:
        raise InputError(f"the weights of {name} are incomplete: nothing for {_some(gaps)}")
    return tuple(missing)


def _report(name: str, dropped: Mapping[str, str], missing: tuple[str, ...]) -> None:
    for reason in dict.fromkeys(dropped.values()):
        keys = [key for key, why in dropped.items() if why == reason]
        logger.info("%s: dropped %s (%s)", name, _some(keys), reason)
    if missing:
        logger.warning("%s: nothing for %s; these keep their initialization", name, _some(missing))


def _some(items: Iterable[str]) -> str:
    items = list(items)
    more = len(items) - _SHOWN_KEYS
    return ", ".join(items[:_SHOWN_KEYS]) + (f" and {more} more" if more > 0 else "")
