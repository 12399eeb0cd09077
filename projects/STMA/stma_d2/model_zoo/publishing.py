"""Turning a training's checkpoint into a file for others, and putting it into a zoo."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ..checkpoint import DIGITS_IN_NAME, record_of, to_dtype
from ..checkpoint.seal import seal
from ..config import by_full_name
from ..errors import InputError
from ..files import atomic_write, check_output, file_sha256, locked_folder
from ..plain_values import fields, names, text, whole_number
from ..safe_json import parse_json, read_json
from ..safe_yaml import parse_yaml
from .checkpoints import INDEX, check_name, index_text, read_index

RECORDS = Path(__file__).parent / "records"


def strip(checkpoint: Mapping[str, Any], *, half: bool) -> dict[str, Any]:
    """What of a training's checkpoint others need: weights, and what the training says of itself.

    Args:
        checkpoint: of ``read_detectron2_checkpoint``.
        half: round the weights to half precision (float16), but for the running statistics of batch
            normalization: of pixels that no deviation divides, variances are beyond it.

    Returns:
        ``model`` and ``settings``, see `checkpoint.settings`.

    Raises:
        InputError: naming the tensor, if half precision cannot hold its numbers; or if the
            checkpoint does not say its configuration.
    """
    record = record_of(checkpoint)
    if not isinstance(record.get("config"), str):
        raise InputError(
            "the checkpoint does not say its configuration; train it with this version"
        )
    weights = {
        key: to_dtype(key, value, torch.float16) if half and _is_rounded(key, value) else value
        for key, value in checkpoint["model"].items()
    }
    return {"model": weights, "settings": record}


def _is_rounded(key: str, value: torch.Tensor) -> bool:
    return value.is_floating_point() and not key.endswith((".running_mean", ".running_var"))


def write_stripped(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write what `strip` gives as a sealed checkpoint."""
    with atomic_write(path) as file:
        torch.save(dict(content), file)
        seal(file)


def describe_training(checkpoint: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """How a checkpoint was trained, in plain values for JSON.

    Args:
        checkpoint: of ``read_detectron2_checkpoint``.
        folder: OUTPUT_DIR, where ``metrics.json`` tells the time of the iterations.

    Returns:
        ``datasets``, ``iterations``, ``batch``, ``seed`` (None: drawn), ``hardware``, ``commit``,
        ``stma_d2`` and ``torch`` (versions), ``seconds`` (None where no log tells it): the median
        time of an iteration times their number.

    Raises:
        InputError: naming what the checkpoint does not say, or says otherwise than a training.
    """
    iteration, _ = fields(checkpoint.get("trainer"), ("iteration", "settings"), "the training")
    iterations = whole_number(iteration, "the training's iteration") + 1
    if iterations < 1:
        raise InputError(f"the training's iteration is {iteration}")
    said = ("config", "hardware", "commit", "version", "torch")
    config, *made_by = (
        text(value, f"the training's {name}")
        for name, value in zip(said, fields(record_of(checkpoint), said, "it"), strict=True)
    )
    keys = ("DATASETS.TRAIN", "SOLVER.IMS_PER_BATCH", "SEED")
    config = dict(by_full_name(parse_yaml(config, "the checkpoint's configuration")))
    datasets, batch, seed = fields(config, keys, "the training's configuration")
    seconds = _seconds_an_iteration(folder / "metrics.json")
    return {
        "datasets": list(names(datasets, "DATASETS.TRAIN")),
        "iterations": iterations,
        "batch": whole_number(batch, "SOLVER.IMS_PER_BATCH"),
        "seed": seed if whole_number(seed, "SEED") >= 0 else None,
        **dict(zip(("hardware", "commit", "stma_d2", "torch"), made_by, strict=True)),
        "seconds": None if seconds is None else round(seconds * iterations),
    }


def check_zoo(name: str, root: str | os.PathLike[str]) -> None:
    """Find out whether a network could be published, before any work.

    Args:
        name: what the zoo is to call it.
        root: the zoo's folder.

    Raises:
        InputError: if the name is none, the zoo's index is damaged, or nothing can be written.
    """
    check_name(name)
    if os.path.exists(root) and not os.path.isdir(root):
        raise InputError(f"the zoo {os.fspath(root)} is no folder")
    check_output(Path(root, INDEX))
    check_output(Path(root, name))
    if Path(root, INDEX).exists():
        read_index(str(root))


def publish(
    file: str | os.PathLike[str],
    name: str,
    record: Mapping[str, Any],
    config: str,
    root: str | os.PathLike[str],
    records: str | os.PathLike[str] | None = None,
) -> Path:
    """Put a checkpoint into a zoo, whole or not at all.

    Beside ``<name>-<digits of its SHA-256>.pth`` lie its configuration, ``.yaml``, and its record,
    ``.json``. The index comes last: nobody sees a part of it. A network of that name that is there
    already stays under its own hash, but the name means the new one. Several processes may publish
    into one zoo at once.

    Args:
        file: of `write_stripped`.
        name: what the zoo calls it, such as "Synthetic/STMA_tiny_K5.yaml".
        record: what to tell of it, in plain values; ``name``, ``file``, ``sha256`` and ``bytes``
            are added.
        config: the training's configuration as YAML.
        root: the zoo's folder; made if missing.
        records: a folder that gets a copy of the record, for MODEL_ZOO.md; None: none does.

    Returns:
        The checkpoint in the zoo.

    Raises:
        InputError: if the name is none, or the zoo's index is damaged.
        OSError: if something cannot be written.
    """
    check_name(name)
    root = Path(root)
    sha256 = file_sha256(file)
    stem = f"{name.removesuffix('.yaml')}-{sha256[:DIGITS_IN_NAME]}"
    record = {
        "name": name,
        "file": f"{stem}.pth",
        "sha256": sha256,
        "bytes": os.path.getsize(file),
        **record,
    }
    text = json.dumps(record, indent=1) + "\n"
    contents: dict[Path, str] = {root / f"{stem}.yaml": config, root / f"{stem}.json": text}
    if records is not None:
        contents[Path(records) / record_file(name)] = text
    published = root / f"{stem}.pth"
    with locked_folder(root):  # an index that is written meanwhile would lack one of two networks
        index = read_index(str(root)) if (root / INDEX).exists() else {}
        contents[root / INDEX] = index_text({**index, name: f"{stem}.pth"})
        _write_all(file, published, contents)
    return published


def _write_all(file: str | os.PathLike[str], published: Path, contents: Mapping[Path, str]) -> None:
    before = {
        path: path.read_bytes() if path.is_file() else None for path in (published, *contents)
    }
    try:
        with open(file, "rb") as source, atomic_write(published) as target:
            shutil.copyfileobj(source, target)
        for path, content in contents.items():
            with atomic_write(path) as target:
                target.write(content.encode())
    except BaseException:
        _restore(before)
        raise


def record_file(name: str) -> str:
    """The name of a network's record among others."""
    return name.removesuffix(".yaml").replace("/", "__") + ".json"


def read_records(folder: str | os.PathLike[str] = RECORDS) -> list[dict[str, Any]]:
    """All records of a folder, by name.

    Raises:
        InputError: naming a file that is no record.
    """
    records = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            record = read_json(path)
            missing = {"name", "file", "training", "evaluations"} - record.keys()
        except (ValueError, AttributeError) as error:
            raise InputError(f"{path} is no record of a network: {error}") from error
        if missing:
            raise InputError(f"{path} is no record of a network: it lacks {sorted(missing)}")
        records.append(record)
    return sorted(records, key=lambda record: record["name"])


def _restore(before: Mapping[Path, bytes | None]) -> None:
    for path, content in before.items():
        if content is None:
            path.unlink(missing_ok=True)
        elif path.read_bytes() != content:
            path.write_bytes(content)


def _seconds_an_iteration(path: Path) -> float | None:
    """The median over the lines of Detectron2's log; None where there is none."""
    if not path.is_file():
        return None
    try:
        lines = [parse_json(line) for line in path.read_bytes().splitlines()]
    except ValueError:
        return None
    times = [line["time"] for line in lines if isinstance(line, dict) and "time" in line]
    return median(times) if times else None
