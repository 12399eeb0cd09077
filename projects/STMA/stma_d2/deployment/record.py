"""What an exported folder says of its network: one JSON file, and the files it vouches for.

::

    {"format": "stma-exported-network", "version": 2,
     "labels": ["circle", ...],
     "config": {"INPUT": {"SIZE": [288, 288], ...}, "MODEL": {...}, "TEST": {...}},
     "strides": {"heatmap": 4, "action": 32},
     "files": {"frames.onnx": {"sha256": "...", "inputs": {"frames": ["D", 3, 288, 288]},
                               "outputs": {...}, "largest_difference": 1e-06}, ...},
     "made_by": {"stma_d2": "...", "torch": "...", "weights": "model_final.pth", "sha256": "..."},
     "seal": "..."}

``seal`` is the SHA-256 of all the rest, so that a digit that changed is noticed.

``config`` holds all keys that inference reads, in their own words (``stma_d2/config/defaults.py``
explains them): K, T, the snippet's place, the input's size, the pixel statistics that the files
apply by themselves, the size head's kind, decoding, protocol and linking.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from ..config.inference_rules import INFERENCE_RULES
from ..config.overriding import value_of
from ..config.rules import shown
from ..errors import InputError
from ..files import check_is_file, file_sha256
from ..plain_values import fields, label_names, mapping, text, whole_number
from ..safe_json import parse_json

FILE = "model.json"
FORMAT = "stma-exported-network"
VERSION = 2  # 1: pixel i of the class map lay at (i + 1/2) strides, now at i strides
# The parts of a network: what runs once a frame, once a clip, once a window.
FRAMES, CLIPS, WINDOWS = "frames", "clips", "windows"
# Network-input pixels per pixel of the heat maps and, with an action head, of the class map.
HEATMAP, ACTION = "heatmap", "action"


def part_names(cfg: CfgNode) -> list[str]:
    """The parts of which a network of this configuration consists."""
    return [FRAMES, *([CLIPS] if cfg.MODEL.BACKBONE_3D.NAME else []), WINDOWS]


def inference_config(cfg: CfgNode) -> dict[str, Any]:
    """The keys that inference reads, as nested plain values."""
    content: dict[str, Any] = {}
    for key in INFERENCE_RULES:
        *path, name = key.split(".")
        node = reduce(lambda at, part: at.setdefault(part, {}), path, content)
        value = value_of(cfg, key)
        node[name] = list(value) if isinstance(value, tuple) else value
    return content


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a folder's network."""
    content = {"format": FORMAT, "version": VERSION, **record}
    content["seal"] = _seal(content)
    (folder / FILE).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any]:
    """Read the record of an exported folder.

    Raises:
        InputError: naming the record, if it is missing or of another kind or version; and the key
            whose value has no meaning.
    """
    path = folder / FILE
    try:
        check_is_file(path)
        record = _checked(parse_json(path.read_bytes()))
    except OSError as error:
        raise InputError(
            f"{folder} is no exported network: {path} cannot be read ({error.strerror}); "
            "tools/export_model.py makes such folders"
        ) from error
    except InputError as error:
        raise InputError(f"{path} is no record of an exported network: {error}") from error
    return record


def _seal(content: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in content.items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _checked(content: Any) -> dict[str, Any]:
    """The record, if all that is read of it is of its kind."""
    kind, version = fields(content, ("format", "version"), "it")
    if (kind, version) != (FORMAT, VERSION):
        raise InputError(
            f"its format is {shown(kind)}, version {shown(version)}; this code reads {FORMAT}, "
            f"version {VERSION}; export the network again"
        )
    labels, config, strides, files = fields(content, ("labels", "config", "strides", "files"), "it")
    check_inference_values(config)
    num_classes = config["MODEL"]["STMA"]["NUM_CLASSES"]
    if len(label_names(labels, "labels")) != num_classes:
        raise InputError(f"it has {len(labels)} labels for {num_classes} classes")
    class_agnostic = config["MODEL"]["STMA"]["CENTER"]["CLASS_AGNOSTIC"]
    for stride in fields(strides, [HEATMAP, ACTION] if class_agnostic else [HEATMAP], "strides"):
        if whole_number(stride, "a stride") < 1:
            raise InputError(f"a stride is {stride}; it must be at least 1")
    for name, file in mapping(files, "files").items():
        text(*fields(file, ("sha256",), name), f"the checksum of {name}")
    if content.get("seal") != _seal(content):
        raise InputError(
            "it was changed after the export; export again (keys of TEST may be given as KEY VALUE)"
        )
    return content


def check_inference_values(config: Mapping[str, Any]) -> None:
    """Refuse nested values without meaning.

    Raises:
        InputError: naming the first key that is missing or has no meaning, and what it must be.
    """
    for key, rule in INFERENCE_RULES.items():
        try:
            value = value_of(config, key)
        except (LookupError, TypeError) as error:
            raise InputError(f"there is no {key}") from error
        if not rule.holds(value):
            raise InputError(f"{key} is {shown(value)}; it must be {rule.words}")


def verified_file(folder: Path, record: Mapping[str, Any], name: str) -> Path:
    """The path of a file that the record names, if it is the one that was exported.

    Raises:
        InputError: if it is missing or another one, or was not exported.
    """
    path = folder / name
    if name not in record["files"]:
        raise InputError(
            f"{folder} was exported without {name}: export it with --format {path.suffix[1:]}"
        )
    check_is_file(path)
    try:
        same = file_sha256(path) == record["files"][name]["sha256"]
    except OSError as error:
        raise InputError(f"the exported file {path} cannot be read ({error.strerror})") from error
    if not same:
        raise InputError(
            f"the exported file {path} is not the one that {FILE} was written for: its SHA-256 is "
            "another; export again, or copy the whole folder again"
        )
    return path
