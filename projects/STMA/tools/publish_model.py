#!/usr/bin/env python3
"""Make a training's checkpoint a file for others, and put it into a model zoo.

    publish_model.py --weights output/.../model_final.pth --name Synthetic/STMA_tiny_K5.yaml --half
    publish_model.py --weights model_final.pth --name Mine/first.yaml --output /data/zoo
    publish_model.py --weights model_final.pth --name Mine/first.yaml TEST.PROTOCOL act

The optimizer and all else that only a training needs is left out. What is left is evaluated on
DATASETS.TEST of the training, whose data must be there: the figures are those of the very file,
after any rounding. Then NAME-<digits of its SHA-256>.pth appears in the zoo with its configuration
(.yaml) and its record (.json: labels, metrics, protocol, commit, seed, hardware, time) beside it,
and the zoo's index.json names it; all of it or nothing.

Without --output the zoo is the package's own, stma_d2/model_zoo/trained, whose files ship with
it; the record then goes to stma_d2/model_zoo/records too, of which tools/make_model_zoo.py makes
MODEL_ZOO.md.

Others use it as model_zoo.get(NAME, trained=True) or demo.py --model NAME, where STMA_MODEL_ZOO is
the zoo's folder or URL; or by the file's path or URL alone, demo.py --weights URL.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from detectron2.config import CfgNode
from detectron2.modeling import build_model
from detectron2.utils.logger import setup_logger

from stma_d2.arguments import given_path
from stma_d2.checkpoint import (
    load_for_evaluation,
    local_path,
    read_detectron2_checkpoint,
    record_of,
    trained_config,
)
from stma_d2.checkpoint.provenance import provenance
from stma_d2.checkpoint.settings import LABELS
from stma_d2.config import by_full_name
from stma_d2.config.overriding import pairs
from stma_d2.engine import evaluate
from stma_d2.errors import InputError, clear_exit
from stma_d2.evaluation import get_protocol
from stma_d2.model_zoo.checkpoints import PACKAGED
from stma_d2.model_zoo.publishing import (
    RECORDS,
    check_zoo,
    describe_training,
    publish,
    strip,
    write_stripped,
)
from stma_d2.safe_yaml import parse_yaml

# Keys that may be other than in the training: what evaluates a network. The rest tells of it.
_CHANGEABLE = ("TEST.", "DATALOADER.", "DATASETS.TEST", "DATASETS.FILES", "MODEL.DEVICE")


def main(arguments: Sequence[str] | None = None) -> None:
    """Strip, evaluate, publish."""
    args = _parser().parse_args(arguments)
    for key, _ in pairs(args.opts):
        if not key.startswith(_CHANGEABLE):
            raise InputError(
                f"{key} cannot be published otherwise than it was trained; these can be: "
                f"{', '.join(_CHANGEABLE)}"
            )
    zoo, records = (args.output, None) if args.output else (PACKAGED, RECORDS)
    check_zoo(args.name, zoo)
    path = Path(local_path(args.weights))
    checkpoint = read_detectron2_checkpoint(str(path))
    if "trainer" not in checkpoint and record_of(checkpoint):
        raise InputError(
            f"{path} is published already and holds no training any more; copy its three files and "
            "the line of index.json, or publish the training's own checkpoint"
        )
    try:
        training = describe_training(checkpoint, path.parent)
    except InputError as error:
        raise InputError(
            f"{path} is no checkpoint of a training, such as model_final.pth: {error}"
        ) from error
    content = strip(checkpoint, half=args.half)
    config = _changed(
        content["settings"]["config"], trained_config(str(path), args.opts), args.opts
    )
    content["settings"]["config"] = config
    with TemporaryDirectory() as folder:
        file = Path(folder, "model.pth")
        write_stripped(file, content)
        cfg = _evaluation_config(str(file), config, folder)
        try:
            evaluations, parameters = _evaluate(cfg)
        except InputError as error:
            raise InputError(str(error).replace(str(file), args.weights)) from error
        record = {
            "precision": "float16" if args.half else "float32",
            "parameters": parameters,
            "labels": content["settings"].get(LABELS),
            "training": training,
            "evaluations": evaluations,
            "evaluated_with": provenance(cfg.MODEL.DEVICE),
        }
        published = publish(file, args.name, record, config, zoo, records)
    for evaluation in record["evaluations"]:
        means = get_protocol(evaluation["protocol"]).metrics
        figures = ", ".join(f"{name} {evaluation['metrics'][name]:.2f}" for name in means)
        print(f"{evaluation['dataset']}, protocol {evaluation['protocol']}: {figures}")
    print(f"{args.name} is published as {published} ({published.stat().st_size / 1e6:.1f} MB)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights", required=True, metavar="PATH", help="a training's, such as model_final.pth"
    )
    parser.add_argument("--name", required=True, help="in the zoo: Synthetic/STMA_tiny_K5.yaml")
    parser.add_argument(
        "--half",
        action="store_true",
        help="round the weights to half precision; refused where one is too large for it",
    )
    parser.add_argument("--output", type=given_path, metavar="ZOO", help="folder of the zoo")
    parser.add_argument(
        "opts", nargs=argparse.REMAINDER, help="KEY VALUE, changed before it is published"
    )
    return parser


def _changed(config: str, cfg: CfgNode, overrides: Sequence[str]) -> str:
    """The training's configuration with the values that ``cfg`` has where ``overrides`` name them.

    Whoever uses the file alone then evaluates and detects by the rules of the published figures.
    """
    content = CfgNode(parse_yaml(config, "the checkpoint's configuration"))
    for key in overrides[::2]:
        *path, name = key.split(".")
        source, target = cfg, content
        for part in path:
            source, target = source[part], target.setdefault(part, CfgNode())
        target[name] = source[name]
    return content.dump() if overrides else config


def _evaluation_config(path: str, config: str, folder: str) -> CfgNode:
    """The training's configuration with its test sets, and its results in ``folder``."""
    training = dict(by_full_name(parse_yaml(config, "the checkpoint's configuration")))
    needed = ("DATASETS.FILES", "DATASETS.TEST", "DATALOADER.NUM_WORKERS")
    keys = {key: training[key] for key in needed if key in training}
    keys["OUTPUT_DIR"] = folder
    return trained_config(path, [word for pair in keys.items() for word in pair])


def _evaluate(cfg: CfgNode) -> tuple[list[dict[str, Any]], int]:
    """What an evaluation writes into ``metrics.json``, by test set; and the count of parameters."""
    if not cfg.DATASETS.TEST:
        raise InputError("DATASETS.TEST names no data set to evaluate on; add it as KEY VALUE")
    model = build_model(cfg).eval()
    load_for_evaluation(model, cfg)
    evaluate(cfg, model)
    records = []
    for name in cfg.DATASETS.TEST:
        path = Path(cfg.OUTPUT_DIR, "inference", name, "metrics.json")
        if not path.is_file():
            raise InputError(f"the test set '{name}' has no ground truth; nothing to publish")
        records.append(json.loads(path.read_text()))
    return records, sum(parameter.numel() for parameter in model.parameters())


if __name__ == "__main__":
    setup_logger()
    setup_logger(name="stma_d2")
    with clear_exit():
        main()
