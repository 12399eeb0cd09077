"""The parts of a network as modules that can be exported: one tensor in or several, tensors out.

Shapes: D frames, B clips or windows, K snippet frames, T clip frames; of the rest see `features`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..modeling import STMA
from ..modeling.backbone import fold_batch_norm
from .framewise import with_framewise_stem
from .record import CLIPS, FRAMES, WINDOWS

# Of the example by which a part is traced. Neither 1, which PyTorch takes for a constant, nor the
# number of frames.
_EXAMPLES = 2


@dataclass(frozen=True)
class ExportablePart:
    """A module and what belongs to it.

    Attributes:
        module: takes and gives tensors by position; the first dimension of all is free.
        examples: of the inputs, by name.
        outputs: the names of what it gives.
        rows: what the first dimension counts: "D", frames, or "B", clips or windows.
    """

    module: nn.Module
    examples: dict[str, torch.Tensor]
    outputs: tuple[str, ...]
    rows: str


def exportable_parts(
    model: STMA, input_size: Sequence[int], num_frames: int, clip_length: int
) -> dict[str, ExportablePart]:
    """Part a network.

    Args:
        model: in evaluation mode, on the CPU; stays as it is.
        input_size: height and width of the network's input.
        num_frames: K.
        clip_length: T.

    Returns:
        `FRAMES`, `WINDOWS` and, with a 3D backbone, `CLIPS`.
    """
    folded = fold_batch_norm(model)
    if model.has_clips:
        with_framewise_stem(folded.backbone_3d)
    has_action = model.action_head is not None
    frames = torch.zeros(_EXAMPLES, 3, *input_size, dtype=torch.uint8)
    found = model.frame_features(frames)
    snippets = torch.zeros(_EXAMPLES, num_frames, dtype=torch.int64)
    per_window = {"features": found.features[snippets]}
    if has_action:
        per_window["action"] = found.action[snippets]
    with_action = ("action",) if has_action else ()
    parts = {
        FRAMES: ExportablePart(
            _Frames(folded), {"frames": frames}, ("features", "size", *with_action), "D"
        )
    }
    if model.has_clips:
        clips = torch.zeros(_EXAMPLES, clip_length, 3, *input_size, dtype=torch.uint8)
        parts[CLIPS] = ExportablePart(_Clips(folded), {"clips": clips}, ("features",), "B")
        per_window["clips"] = model.whole_clip_features(clips)
    outputs = ("center", "movement", *(("classes",) if has_action else ()))
    parts[WINDOWS] = ExportablePart(_Windows(folded), per_window, outputs, "B")
    return parts


def traced(part: ExportablePart) -> torch.export.ExportedProgram:
    """The part as ``torch.export`` sees it, for any number of rows."""
    rows = torch.export.Dim.DYNAMIC
    inputs = tuple(part.examples.values())
    shapes = tuple({0: rows} for _ in inputs)
    program = torch.export.export(part.module, inputs, dynamic_shapes=shapes)
    for node in program.graph.nodes:
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack"):
            node.meta.pop(key, None)  # paths and lines of the code that was traced
    program.example_inputs = None  # files would hold them
    return program


class _Part(nn.Module):
    """Holds those modules of a network that it runs: files hold no weights that they do not use."""

    uses: tuple[str, ...]

    def __init__(self, model: STMA) -> None:
        super().__init__()
        self.model = copy.copy(model)
        self.model._modules = {
            name: child for name, child in model.named_children() if name in self.uses
        }


class _Frames(_Part):
    """Frames (D, 3, H, W) uint8 BGR to their `FrameFeatures`."""

    uses = ("backbone", "size_head", "action_head")

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return _given(vars(self.model.frame_features(frames)).values())


class _Clips(_Part):
    """Clips (B, T, 3, H, W) uint8 BGR to 3D features (B, c', T', h', w')."""

    uses = ("backbone_3d",)

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.model.whole_clip_features(clips),)


class _Windows(_Part):
    """The features (B, K, ...) of snippets, and those of their clips, to `WindowMaps`."""

    uses = ("center_head", "movement_head", "action_head")

    def forward(
        self,
        features: torch.Tensor,
        action: torch.Tensor | None = None,
        clips: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        return _given(vars(self.model.snippet_maps(features, action, clips)).values())


def _given(tensors: Sequence[torch.Tensor | None]) -> tuple[torch.Tensor, ...]:
    return tuple(tensor for tensor in tensors if tensor is not None)
