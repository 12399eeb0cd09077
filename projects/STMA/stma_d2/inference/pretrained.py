"""A network with its weights, and the names of what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detectron2.config import CfgNode
from detectron2.modeling import build_model

from ..checkpoint import load_for_evaluation, trained_config
from ..data import known_labels
from ..errors import InputError
from ..model_zoo import find_checkpoint
from ..modeling import STMA


def pretrained_config(name_or_path: str, overrides: Sequence[Any] = ()) -> CfgNode:
    """The configuration of a trained network, with its weights as MODEL.WEIGHTS.

    Args:
        name_or_path: what the model zoo calls it, or a checkpoint's path or URL.
        overrides: keys and values in turn.

    Raises:
        InputError: if there is no such checkpoint, it cannot be read, or does not say its
            configuration; or if an override cannot be.
    """
    return trained_config(find_checkpoint(name_or_path), overrides)


def prepare_model(
    cfg: CfgNode, model: STMA | None = None, labels: Sequence[str] | None = None
) -> tuple[STMA, tuple[str, ...]]:
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
