"""Checkpoints: an initialization may fit in part, all else must fit whole."""

from __future__ import annotations

import numpy as np
import torch
from detectron2.checkpoint import DetectionCheckpointer
from torch import nn

from ..errors import InputError

_CONVERT = "other projects' weights must go through tools/convert_weights.py first"


class TubeletCheckpointer(DetectionCheckpointer):
    """Detectron2's checkpointer that refuses a checkpoint which does not fit the model.

    Detectron2's own skips what does not fit with a warning: right for an initialization of which
    something fits, a wrong number in an evaluation or a resumed training.
    """

    def load(
        self, path: str, checkpointables: list[str] | None = None, *, must_fit: bool = True
    ) -> dict:
        """Load ``path``; an empty path loads nothing.

        Args:
            path: checkpoint file.
            checkpointables: what to load beside the model; None loads all.
            must_fit: whether every tensor must be there and have the model's shape.

        Raises:
            InputError: if the file is missing, is no checkpoint of Detectron2's kind, fits nowhere,
                or does not fit whole although it must.
        """
        if path and not self.path_manager.isfile(path):
            raise InputError(f"there is no checkpoint {path}; check MODEL.WEIGHTS")
        self._source, self._must_fit = path, must_fit
        return super().load(path, checkpointables)

    def resume_or_load(self, path: str, *, resume: bool = True) -> dict:
        """Resume whole from the last checkpoint, or initialize from ``path``, perhaps in part."""
        if resume and self.has_checkpoint():
            return self.load(self.get_checkpoint_file())
        return self.load(path, checkpointables=[], must_fit=False)

    def _load_file(self, filename: str) -> dict:
        try:
            checkpoint = super()._load_file(filename)
        except Exception as error:  # a damaged or foreign file can raise anything
            raise InputError(
                f"{filename} is damaged or no checkpoint ({type(error).__name__}); {_CONVERT}"
            ) from error
        weights = checkpoint["model"]
        if not isinstance(weights, dict) or not all(
            isinstance(value, (torch.Tensor, np.ndarray)) for value in weights.values()
        ):
            raise InputError(f"{filename} is no checkpoint of Detectron2's kind; {_CONVERT}")
        return checkpoint

    def _load_model(self, checkpoint: dict) -> object:
        count = len(checkpoint["model"])
        incompatible = super()._load_model(checkpoint)
        if count == len(incompatible.unexpected_keys) + len(incompatible.incorrect_shapes):
            raise InputError(
                f"nothing in {self._source} fits the configured model, whose tensors have other "
                f"names or shapes; {_CONVERT}"
            )
        problems = [
            f"{key} has shape {tuple(theirs)} in the checkpoint and {tuple(ours)} in the model"
            for key, theirs, ours in incompatible.incorrect_shapes
        ]
        problems += [f"{key} is missing" for key in incompatible.missing_keys]
        problems += [f"{key} is not in the model" for key in incompatible.unexpected_keys]
        if problems and self._must_fit:
            shown = "; ".join(problems[:3])
            raise InputError(
                f"the checkpoint {self._source} does not fit the configured model in "
                f"{len(problems)} tensors ({shown}{'; ...' if len(problems) > 3 else ''}); use the "
                "configuration that it was trained with"
            )
        return incompatible


def load_for_evaluation(model: nn.Module, weights: str, output_dir: str, resume: bool) -> str:
    """Load the weights that an evaluation asks for and tell which.

    Args:
        model: the model; changed in place.
        weights: MODEL.WEIGHTS.
        output_dir: OUTPUT_DIR of a training.
        resume: whether to take the last checkpoint of ``output_dir`` when there is one.

    Returns:
        The path of the checkpoint.

    Raises:
        InputError: if there is nothing to load, or it does not fit.
    """
    checkpointer = TubeletCheckpointer(model, save_dir=output_dir)
    path = weights
    if resume and checkpointer.has_checkpoint():
        path = checkpointer.get_checkpoint_file()
    if not path:
        raise InputError(
            "an evaluation needs weights: add MODEL.WEIGHTS path/to/model_final.pth, or --resume "
            f"to take the last checkpoint of {output_dir}"
        )
    checkpointer.load(path)
    return path
