"""A network with its weights, and the names of what it finds."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fvcore.common.config import CfgNode

from ..detectron2_parts import is_detectron2
from ..errors import InputError
from ..modeling.network import TubeletNetwork


@contextmanager
def _with_detectron2() -> Iterator[None]:
    """Import what needs Detectron2 where it is used: exported networks do without.

    Raises:
        InputError: if it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not is_detectron2(error):
            raise
        raise InputError(
            "networks are built by Detectron2, which is not installed; without it those run that "
            "tools/export_model.py wrote: demo.py --onnx FOLDER, VideoPredictor.from_onnx"
        ) from error


def pretrained_config(
    name_or_path: str | os.PathLike[str], overrides: Sequence[Any] = ()
) -> CfgNode:
    """The configuration of a trained network, with its weights as MODEL.WEIGHTS.

    Args:
        name_or_path: what the model zoo calls it, or a checkpoint's path or URL.
        overrides: keys and values in turn.

    Raises:
        InputError: if there is no such checkpoint, it cannot be read, or does not say its
            configuration; or if an override cannot be.
    """
    with _with_detectron2():
        from ..checkpoint import trained_config
        from ..model_zoo import find_checkpoint
    return trained_config(find_checkpoint(name_or_path), overrides)


def named_config(args: argparse.Namespace) -> CfgNode:
    """The configuration that a command names: its --config-file, or its --weights or --model.

    Raises:
        InputError: if it, or the checkpoint, cannot be read, or there is no such one.
    """
    with _with_detectron2():
        from ..checkpoint import trained_config
        from ..config import load_config
        from ..model_zoo import get_checkpoint_url
    if args.config_file:
        return load_config(args.config_file, args.opts)
    path = get_checkpoint_url(args.model) if args.model else args.weights
    return trained_config(path, args.opts)


def prepare_model(
    cfg: CfgNode, model: TubeletNetwork | None = None, labels: Sequence[str] | None = None
) -> tuple[TubeletNetwork, tuple[str, ...]]:
    """A model in evaluation mode, and its class names.

    Args:
        cfg: the configuration.
        model: with its weights; None builds that of ``cfg`` and loads MODEL.WEIGHTS.
        labels: class names, with ``model``; see `class_names`.

    Raises:
        InputError: if the weights are missing or do not fit, or the labels are not as many as the
            classes.
    """
    if model is not None:
        return model.eval(), class_names(cfg, labels)
    with _with_detectron2():
        from detectron2.modeling import build_model

        from ..checkpoint import load_for_evaluation
    model = build_model(cfg).eval()
    loaded = load_for_evaluation(model, cfg)
    return model, class_names(cfg, loaded.labels)


def class_names(cfg: CfgNode, labels: Sequence[str] | None = None) -> tuple[str, ...]:
    """The class names: ``labels``, or those of the configured data set, or else numbers.

    Raises:
        InputError: if they are not as many as the network has classes.
    """
    num_classes = cfg.MODEL.STMA.NUM_CLASSES
    source = "there are"
    if labels is None and cfg.DATASETS.TEST:
        with _with_detectron2():
            from ..data import known_labels
        source = f"DATASETS.TEST {cfg.DATASETS.TEST[0]} has"
        labels = known_labels(cfg.DATASETS.TEST[0])
    if labels is None:
        labels = [f"class {label}" for label in range(num_classes)]
    if len(labels) != num_classes:
        raise InputError(
            f"{source} {len(labels)} labels, the network {num_classes} classes; name the data set "
            "that it was trained on"
        )
    return tuple(labels)
