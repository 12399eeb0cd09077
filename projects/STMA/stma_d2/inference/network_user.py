"""What predictors have in common: a network with its weights, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar

from fvcore.common.config import CfgNode

from ..deployment import load_exported
from ..modeling import TubeletDetector
from ..modeling.network import TubeletNetwork
from .pretrained import prepare_model, pretrained_config

_Self = TypeVar("_Self", bound="NetworkUser")


class NetworkUser:
    """A predictor's network.

    Attributes:
        cfg: the configuration.
        model: in evaluation mode.
        labels: class names.
        detector: of the model, as the configuration says.
    """

    def __init__(
        self, cfg: CfgNode, model: TubeletNetwork | None = None, labels: Sequence[str] | None = None
    ) -> None:
        """Prepare the model.

        Args:
            cfg: the configuration.
            model: with its weights; None builds that of ``cfg`` and loads MODEL.WEIGHTS.
            labels: class names, with ``model``; None takes those of DATASETS.TEST, or numbers.

        Raises:
            InputError: if the weights are missing or do not fit, the labels are not as many as the
                classes, or TEST.CLIP_STRIDE does not divide the chunks.
        """
        self.cfg = cfg.clone()
        self.model, self.labels = prepare_model(self.cfg, model, labels)
        self.detector = TubeletDetector.from_config(self.cfg, self.model)

    @classmethod
    def from_pretrained(
        cls: type[_Self], name_or_path: str | os.PathLike[str], overrides: Sequence[Any] = ()
    ) -> _Self:
        """Take a trained network; nothing else is needed.

        Args:
            name_or_path: what the model zoo calls it, or a checkpoint's path or URL.
            overrides: configuration keys and values in turn, such as ("MODEL.DEVICE", "cpu").

        Raises:
            InputError: see `pretrained_config`.
        """
        return cls(pretrained_config(name_or_path, overrides))

    @classmethod
    def from_onnx(
        cls: type[_Self], folder: str | os.PathLike[str], overrides: Sequence[Any] = ()
    ) -> _Self:
        """Take an exported network; Detectron2 is not needed.

        Args:
            folder: what ``tools/export_model.py`` wrote.
            overrides: keys of TEST and values in turn.

        Raises:
            InputError: see `load_exported`.
        """
        exported = load_exported(folder, overrides)
        return cls(exported.cfg, exported.network, exported.labels)
