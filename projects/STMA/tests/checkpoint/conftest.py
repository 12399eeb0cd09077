"""Published networks with numbers in place of trained weights: see ../data/golden/README.md."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import resnet18

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "golden"


def _normal(name: str, shape: Sequence[int]) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).standard_normal(shape)


def _value(key: str, shape: Sequence[int]) -> torch.Tensor:
    kind = key.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return torch.zeros((), dtype=torch.int64)
    n = _normal(key, shape)
    if kind == "running_var":
        value = 1 + 0.1 * np.abs(n)
    elif len(shape) > 1:
        value = n * np.sqrt(2 / np.prod(shape[1:]))
        if key.endswith("conv_offset_mask.weight"):
            value *= 0.1
    elif kind in ("running_mean", "bias"):
        value = 0.1 * n
    else:
        value = (0.3 if key.endswith(".bn3.weight") else 1.0) * (1 + 0.1 * n)
    return torch.from_numpy(value.astype(np.float32))


def _deconv_keys() -> dict[str, list[int]]:
    """The upsampling part of MOC's ResNet-18: 3 x (deformable, BN, ReLU, transposed, BN, ReLU)."""
    keys = {}
    channels = (512, 256, 128, 64)
    for stage, (c, out) in enumerate(zip(channels, channels[1:], strict=False)):
        name = [f"deconv_layer.deconv_layers.{6 * stage + i}" for i in range(6)]
        keys |= {f"{name[0]}.weight": [out, c, 3, 3], f"{name[0]}.bias": [out]}
        keys |= {f"{name[0]}.conv_offset_mask.weight": [27, c, 3, 3]}
        keys |= {f"{name[0]}.conv_offset_mask.bias": [27]}
        keys |= {f"{name[3]}.weight": [out, out, 4, 4]}
        for norm in (name[1], name[4]):
            keys |= {f"{norm}.{k}": [out] for k in ("weight", "bias", "running_mean")}
            keys |= {f"{norm}.running_var": [out], f"{norm}.num_batches_tracked": []}
    return keys


@pytest.fixture(scope="session")
def published_keys() -> dict[str, dict[str, list[int]]]:
    """Layout's name -> key -> shape; "resnet18" is MOC's, without ``backbone.`` in front."""
    base = {key: list(value.shape) for key, value in resnet18().state_dict().items()}
    base = {key: shape for key, shape in base.items() if not key.startswith("fc.")}
    layouts = json.loads((GOLDEN / "network_keys.json").read_text())
    return layouts | {"resnet18": base | _deconv_keys()}


@pytest.fixture(scope="session")
def filled() -> Callable[[dict[str, list[int]]], dict[str, torch.Tensor]]:
    """Turns key -> shape into a state dict by the formula."""
    return lambda shapes: {key: _value(key, shape) for key, shape in shapes.items()}


@pytest.fixture(scope="session")
def dla34(published_keys, filled) -> dict[str, torch.Tensor]:
    """MOC's and CenterNet's DLA-34 under its original keys."""
    return filled(published_keys["dla34"])


@pytest.fixture(scope="session")
def moc_model(published_keys, filled) -> dict[str, torch.Tensor]:
    """A MOC model with K = 5, 21 classes."""
    backbone = {f"backbone.{key}": shape for key, shape in published_keys["dla34"].items()}
    return filled(backbone | published_keys["moc_heads_k5_c21"])


@pytest.fixture(scope="session")
def golden_input() -> Callable[[str, tuple[int, ...]], torch.Tensor]:
    """Makes the input of that name and shape."""
    return lambda name, shape: torch.from_numpy(_normal(f"input:{name}", shape).astype(np.float32))


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """Reads a file of golden arrays by its name without suffix."""

    def read(name: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / f"{name}.npz") as arrays:
            return dict(arrays)

    return read


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged of checkpoints, also after Detectron2's logger has stopped propagation."""
    loggers = [logging.getLogger(name) for name in ("stma_d2.checkpoint", "fvcore")]
    with caplog.at_level(logging.INFO, loggers[0].name):
        for logger in loggers:
            logger.addHandler(caplog.handler)
        yield caplog
        for logger in loggers:
            logger.removeHandler(caplog.handler)
