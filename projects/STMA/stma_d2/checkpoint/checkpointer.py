"""Our checkpoints: written whole, read without running anything, loaded only where they fit."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from detectron2.checkpoint import DetectionCheckpointer
from detectron2.config import CfgNode
from torch import nn

from ..errors import InputError
from ..files import atomic_write
from ..plain_values import label_names
from .initialization import is_initialization
from .locating import local_path
from .reading import read_detectron2_checkpoint
from .seal import seal, verify_seal
from .settings import (
    LABELS,
    changed_keys,
    check_settings,
    network_settings,
    record_of,
    recorded_config,
)
from .weights import fit_weights

logger = logging.getLogger(__name__)

_MAKE = (
    "tools/convert_weights.py makes an initialization of other projects' weights; "
    "MODEL.WEIGHTS '' starts from random ones"
)
# The name of the file that names the last checkpoint, as in Detectron2.
_POINTER = "last_checkpoint"
# The name of the file that says which training a folder is of.
_RUN = "run_id"
_SHOWN_KEYS = 5


class TubeletCheckpointer(DetectionCheckpointer):
    """Detectron2's checkpointer, made safe.

    Detectron2's own loads what fits and warns of the rest. That is right for an initialization of
    which something fits, but gives a wrong number in an evaluation or a resumed training. It also
    runs what a ``.pkl`` holds, and a kill while it saves leaves half a file.

    Each training has a random name, which its checkpoints and the file ``run_id`` of its folder
    hold: what another training left in the folder is never taken for its own.
    """

    def __init__(
        self,
        model: nn.Module,
        save_dir: str = "",
        *,
        cfg: CfgNode | None = None,
        **options: object,
    ) -> None:
        """Remember what is saved and loaded.

        Args:
            model: the network.
            save_dir: folder of the checkpoints.
            cfg: with it the message tells which keys are others where a checkpoint does not fit.
            options: of Detectron2's checkpointer, and what to save beside the model.
        """
        super().__init__(model, save_dir, **options)
        self.run = ""
        self._cfg = cfg

    def save(self, name: str, **kwargs: object) -> None:
        """Write ``<save_dir>/<name>.pth`` and name it the last checkpoint; only the main process.

        A kill or a full disk leaves the checkpoints of before.

        Args:
            name: of the file, without ``.pth``.
            kwargs: what to save beside the model and the checkpointables. As in their states, only
                tensors, numbers, text, bytes and plain containers can be read again.

        Raises:
            InputError: if the file cannot be written.
        """
        if not self.save_dir or not self.save_to_disk:
            return
        for left_by_a_kill in Path(self.save_dir).glob("*.pth.partial-*"):
            if left_by_a_kill.is_file():
                left_by_a_kill.unlink()
        states = {key: value.state_dict() for key, value in self.checkpointables.items()}
        content = {"model": self.model.state_dict(), **states, "run": self.run, **kwargs}
        path = os.path.join(self.save_dir, f"{name}.pth")
        self.logger.info(f"Saving checkpoint to {path}")
        try:
            with atomic_write(path) as file:
                torch.save(content, file)
                seal(file)
                file.flush()
                os.fsync(file.fileno())  # before the pointer says that it is there
            self.tag_last_checkpoint(f"{name}.pth")
        except (OSError, RuntimeError) as error:  # torch raises the latter where a disk is full
            raise InputError(
                f"cannot write {path} ({error}); the checkpoints of before are intact: make room "
                "or set another OUTPUT_DIR, and go on with --resume"
            ) from error

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        """Name the last checkpoint, a file of the folder."""
        with atomic_write(os.path.join(self.save_dir, _POINTER)) as file:
            file.write(last_filename_basename.encode())

    def start_afresh(self) -> None:
        """Begin another training: the folder's last checkpoint is no longer the last one."""
        if not self.save_dir or not self.save_to_disk:
            return
        self.run = uuid.uuid4().hex
        Path(self.save_dir, _POINTER).unlink(missing_ok=True)
        if earlier := sorted(path.name for path in Path(self.save_dir).glob("*.pth")):
            logger.warning(
                f"a training starts afresh in {self.save_dir}, where {len(earlier)} checkpoints of "
                f"another lie ({earlier[-1]}, ...); it writes over those of the same names"
            )

    def claim_folder(self) -> bool:
        """Write down that the folder is of this training; returns whether it was before."""
        file = Path(self.save_dir, _RUN)
        if self._run_of_folder() == self.run:
            return True
        with atomic_write(file) as written:
            written.write(self.run.encode())
        return False

    def read_last(self, *, fall_back: bool = False) -> tuple[str, dict]:
        """Find and read the last checkpoint.

        Args:
            fall_back: whether to take the same training's newest good checkpoint, with a warning,
                if the last one cannot be read.

        Returns:
            Its path, and what it holds, see `read_detectron2_checkpoint`.

        Raises:
            InputError: if the last checkpoint is missing or damaged; names the newest good one.
        """
        pointer = Path(self.save_dir, _POINTER)
        name = pointer.read_text(errors="replace").strip() if pointer.is_file() else ""
        path = os.path.join(self.save_dir, name)
        try:
            if not name:
                raise InputError(f"{pointer} is empty or no file, and names no checkpoint")
            if not os.path.isfile(path):
                raise InputError(f"{pointer} names {name}, and there is no such file")
            return path, read_detectron2_checkpoint(path)
        except InputError as error:
            newest = self._newest_good(path)
            if newest is None:
                raise InputError(
                    f"{error}; {self.save_dir} holds no other good checkpoint of this training"
                ) from error
            if not fall_back:
                raise InputError(
                    f"{error}; the newest good checkpoint is {newest[0]}: give it as MODEL.WEIGHTS"
                ) from error
            logger.warning(f"{error}; taking the newest good checkpoint instead, {newest[0]}")
            return newest

    def load(
        self, path: str, checkpointables: list[str] | None = None, *, must_fit: bool = True
    ) -> dict:
        """Load ``path``; an empty path loads nothing.

        Args:
            path: a file, or whatever Detectron2's PathManager reads: ``https://``,
                ``detectron2://``, ``catalog://``, ``file://``.
            checkpointables: what to load beside the model; None loads all.
            must_fit: whether every tensor must be there and have the model's shape.

        Returns:
            What else the checkpoint holds.

        Raises:
            InputError: if the file is missing, damaged or no checkpoint of Detectron2's kind, holds
                NaN or infinite weights, fits nowhere, or does not fit whole although it must. The
                model is then as before.
        """
        if not path:
            return super().load(path)
        checkpoint = read_detectron2_checkpoint(local_path(path, "" if must_fit else f" ({_MAKE})"))
        return self._take(path, checkpoint, checkpointables, must_fit)

    def resume_or_load(self, path: str, *, resume: bool = True) -> dict:
        """Resume whole from the last checkpoint, or initialize from ``path``, perhaps in part.

        Where the last checkpoint is damaged or gone, the same training's newest good one is
        resumed.

        Raises:
            InputError: see `load` and `read_last`; and if what the checkpoint holds beside the
                weights is not what was saved.
        """
        if not resume or not self.has_checkpoint():
            return self.load(path, checkpointables=[], must_fit=False)
        path, checkpoint = self.read_last(fall_back=True)
        self.run = str(checkpoint.pop("run", ""))
        try:
            return self._take(path, checkpoint, None, must_fit=True)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # of a state that was changed by hand: many kinds
            reason = (
                str(error)
                if isinstance(error, InputError)
                else (
                    "its training state is not as it was saved "
                    f"({type(error).__name__}: {' '.join(str(error).split())})"
                )
            )
            raise InputError(
                f"cannot go on from {path}: {reason}; or start another training from its weights: "
                f"MODEL.WEIGHTS {path} and another OUTPUT_DIR"
            ) from error

    def _take(
        self, path: str, checkpoint: dict, checkpointables: list[str] | None, must_fit: bool
    ) -> dict:
        """Load what was read of ``path``, see `load`."""
        self.logger.info(f"Loading {path} ...")
        try:
            weights = fit_weights(checkpoint, self.model.state_dict(), must_fit)
        except InputError as error:
            if must_fit and is_initialization(checkpoint):
                raise InputError(
                    f"{path} is an initialization, made by tools/convert_weights.py; train with it "
                    "as MODEL.WEIGHTS, and evaluate what comes out"
                ) from error
            changes = self._changes_of_network(checkpoint)
            raise InputError(f"the checkpoint {path} {error}{changes}") from error
        self._log_incompatible_keys(self._load_model({"model": weights}))
        for key in self.checkpointables if checkpointables is None else checkpointables:
            if key in checkpoint:
                self.checkpointables[key].load_state_dict(checkpoint.pop(key))
        return checkpoint

    def _changes_of_network(self, checkpoint: Mapping[str, Any]) -> str:
        """Which keys of the network are others now, as the end of a message."""
        if self._cfg is None:
            return ""
        changes = [
            f"{key} {before}, now {now}"
            for key, before, now in changed_keys(record_of(checkpoint), self._cfg)
            if key.startswith(("MODEL.", "INPUT."))
        ]
        more = "; ..." if len(changes) > _SHOWN_KEYS else ""
        return f": {'; '.join(changes[:_SHOWN_KEYS])}{more}" if changes else ""

    def _run_of_folder(self) -> str | None:
        file = Path(self.save_dir, _RUN)
        return file.read_text(errors="replace").strip() if file.is_file() else None

    def _newest_good(self, last: str) -> tuple[str, dict] | None:
        """The folder's training's checkpoint of the latest iteration, other than ``last``."""
        run, best = self._run_of_folder(), None
        for path in sorted(Path(self.save_dir).glob("*.pth")):
            try:
                if path == Path(last) or not path.is_file() or not verify_seal(path):
                    continue
                content = read_detectron2_checkpoint(str(path))
                iteration = content.get("iteration")
            except (InputError, OSError):
                continue
            if content.get("run") == run and isinstance(iteration, int):
                if best is None or iteration > best[1]["iteration"]:
                    best = str(path), content
        return best


@dataclass(frozen=True)
class LoadedWeights:
    """What was loaded for an evaluation.

    Attributes:
        path: of the checkpoint.
        labels: the class names that it carries; None where it does not say.
    """

    path: str
    labels: tuple[str, ...] | None


def load_for_evaluation(model: nn.Module, cfg: CfgNode, resume: bool = False) -> LoadedWeights:
    """Load the weights that an evaluation asks for and tell which.

    Args:
        model: the model; changed in place.
        cfg: with MODEL.WEIGHTS and OUTPUT_DIR.
        resume: whether to take the last checkpoint of OUTPUT_DIR when there is one.

    Raises:
        InputError: if there is nothing to load, it cannot be read or does not fit, or it was
            trained as something else, see `check_settings`.
    """
    checkpointer = TubeletCheckpointer(model, cfg.OUTPUT_DIR, cfg=cfg)
    path = cfg.MODEL.WEIGHTS
    if resume and checkpointer.has_checkpoint():
        path, _ = checkpointer.read_last()
    if not path:
        raise InputError(
            "no weights are named: add MODEL.WEIGHTS path/to/model_final.pth (or, to train_net.py "
            f"--eval-only, --resume for the last checkpoint of {cfg.OUTPUT_DIR})"
        )
    trained = record_of(checkpointer.load(path))
    now = network_settings(cfg, cfg.DATASETS.TEST)
    check_settings(trained, now, path, allowed=cfg.TEST.OTHER_SETTINGS)
    labels = trained.get(LABELS)
    if labels is not None:
        labels = label_names(labels, f"the checkpoint {path}: its labels")
    return LoadedWeights(path, labels)


def trained_config(path: str, overrides: Sequence[Any] = ()) -> CfgNode:
    """The configuration with which a checkpoint of ours is used; see `recorded_config`.

    Args:
        path: what `TubeletCheckpointer.load` takes; becomes MODEL.WEIGHTS.
        overrides: keys and values in turn.

    Raises:
        InputError: if the checkpoint cannot be read, or does not say its configuration.
    """
    checkpoint = read_detectron2_checkpoint(local_path(path))
    return recorded_config(record_of(checkpoint), path, overrides)
