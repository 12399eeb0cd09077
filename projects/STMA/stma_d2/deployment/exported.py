"""An exported folder as a network that predictors take, run by ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode

from ..config.overriding import pairs, set_value
from ..errors import InputError
from ..modeling.box_coder import DistanceCoder, WidthHeightCoder
from ..modeling.features import FrameFeatures, WindowMaps
from ..modeling.network import TubeletNetwork
from .record import (
    ACTION,
    CLIPS,
    FILE,
    FRAMES,
    HEATMAP,
    WINDOWS,
    check_inference_values,
    part_names,
    read_record,
    verified_file,
)
from .signature import Shape, Signature, check_signatures

# A part of a network: takes and gives tensors by position. A part that has no action head gives
# one tensor fewer, and takes one fewer.
Part = Callable[..., Sequence[torch.Tensor]]


class ExportedNetwork(TubeletNetwork):
    """A network whose parts are files that something else than the package runs, on CPUs."""

    def __init__(self, parts: Mapping[str, Part], cfg: CfgNode, strides: Mapping[str, int]) -> None:
        """Put the parts together.

        Args:
            parts: `FRAMES`, `WINDOWS` and, with a 3D backbone, `CLIPS`: what runs them.
            cfg: the keys that inference reads.
            strides: `HEATMAP` and, with an action head, `ACTION`, see `record`.
        """
        super().__init__()
        self._parts = dict(parts)
        self._strides = dict(strides)
        self.stride = strides[HEATMAP]
        coder = DistanceCoder if cfg.MODEL.STMA.SIZE.GAUSSIAN else WidthHeightCoder
        self.box_coder = coder(self.stride)
        self.num_classes = cfg.MODEL.STMA.NUM_CLASSES
        self.tubelets_per_window = cfg.TEST.TUBELETS_PER_WINDOW

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    @property
    def has_clips(self) -> bool:
        """Whether there is a 3D backbone."""
        return CLIPS in self._parts

    @property
    def action_stride(self) -> int:
        """Network-input pixels per pixel of the class map; only with an action head."""
        return self._strides[ACTION]

    def frame_features(self, frames: torch.Tensor) -> FrameFeatures:
        """See `TubeletNetwork.frame_features`."""
        features, size, *action = self._parts[FRAMES](frames)
        return FrameFeatures(features, size, *(action or [None]))

    def clip_features(
        self, frames: torch.Tensor, clip_index: torch.Tensor, clips_per_pass: int | None = None
    ) -> torch.Tensor:
        """See `TubeletNetwork.clip_features`."""
        passes = clip_index.split(clips_per_pass or len(clip_index))
        return torch.cat([self._parts[CLIPS](frames[index])[0] for index in passes])

    def window_maps(
        self, frames: FrameFeatures, snippet_index: torch.Tensor, clips: torch.Tensor | None
    ) -> WindowMaps:
        """See `TubeletNetwork.window_maps`."""
        action = None if frames.action is None else frames.action[snippet_index]
        given = (frames.features[snippet_index], action, clips)
        center, movement, *classes = self._parts[WINDOWS](*(x for x in given if x is not None))
        return WindowMaps(center, movement, *(classes or [None]))


class OnnxPart:
    """Runs one ONNX file on the CPU, with as many threads as PyTorch has."""

    def __init__(self, path: Path) -> None:
        """Load the file.

        Raises:
            InputError: if ONNX Runtime is missing, or this version cannot run the file.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(
                "exported networks need ONNX Runtime, which is not installed: pip install "
                "onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        providers = ["CPUExecutionProvider"]
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers)
        except Exception as error:  # its exceptions have no common ancestor of their own
            raise InputError(
                f"ONNX Runtime {onnxruntime.__version__} cannot run {path}: "
                f"{' '.join(str(error).split())} (version 1.25 and newer, for Python 3.11 and "
                "newer, run all that is exported)"
            ) from error
        self._path = path
        self.signature = Signature(
            _rows(self._session.get_inputs()), _rows(self._session.get_outputs())
        )

    def __call__(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        """Run it; inputs and outputs are tensors of the CPU, in the file's order.

        Raises:
            InputError: naming the file, if ONNX Runtime fails, or an output is not what the file
                says or holds numbers that are none.
        """
        feeds = {
            name: tensor.numpy(force=True)
            for name, tensor in zip(self.signature.inputs, tensors, strict=True)
        }
        try:
            arrays = self._session.run(None, feeds)
        except Exception as error:  # see above
            raise InputError(
                f"ONNX Runtime fails in {self._path}: {' '.join(str(error).split())}; export again"
            ) from error
        for (name, shape), array in zip(self.signature.outputs.items(), arrays, strict=True):
            _check_output(f"{self._path}: the output {name}", array, (len(tensors[0]), *shape))
        return [torch.from_numpy(array) for array in arrays]


def _rows(tensors: Sequence[Any]) -> dict[str, Shape]:
    """The shapes of a row of what a session takes or gives, by name."""
    return {
        tensor.name: tuple(side if isinstance(side, int) else None for side in tensor.shape[1:])
        for tensor in tensors
    }


def _check_output(where: str, array: Any, shape: Shape) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != shape:
        raise InputError(f"{where} is not what the file says; export again")
    if not np.isfinite(array).all():
        raise InputError(
            f"{where} holds NaN or infinite numbers: the network was exported so, or the file was "
            "changed"
        )


@dataclass(frozen=True)
class Exported:
    """What an exported folder holds.

    Attributes:
        cfg: the keys that inference reads.
        network: runs the files.
        labels: class names.
    """

    cfg: CfgNode
    network: ExportedNetwork
    labels: tuple[str, ...]


def load_exported(folder: str | os.PathLike[str], overrides: Sequence[Any] = ()) -> Exported:
    """Load a network that ``tools/export_model.py`` wrote; Detectron2 is not needed.

    Args:
        folder: the folder.
        overrides: keys of TEST, or MODEL.DEVICE, and values in turn.

    Raises:
        InputError: naming the file that is missing or damaged, or the key that has no meaning or
            cannot be changed any more; or if ONNX Runtime is missing.
    """
    path = Path(folder)
    record = read_record(path)
    cfg = CfgNode(record["config"])
    for key, value in pairs(overrides):
        set_value(cfg, key, value, "")
        if not key.startswith("TEST.") and key != "MODEL.DEVICE":
            raise InputError(f"{key} is part of the exported network {folder}: set it and export")
    check_inference_values(cfg)
    if cfg.MODEL.DEVICE != "cpu" or cfg.TEST.AMP.ENABLED:
        raise InputError(
            "exported networks run on CPUs in 32 bits: MODEL.DEVICE cpu, TEST.AMP.ENABLED False"
        )
    parts = {
        part: OnnxPart(verified_file(path, record, f"{part}.onnx")) for part in part_names(cfg)
    }
    try:
        found = {name: part.signature for name, part in parts.items()}
        check_signatures(found, cfg, record["strides"])
    except InputError as error:
        raise InputError(
            f"the files of {folder} are no network as its {FILE} describes it: {error}; export "
            "again"
        ) from error
    network = ExportedNetwork(parts, cfg, record["strides"])
    return Exported(cfg, network, tuple(record["labels"]))
