"""A part of a network as an ONNX file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from .parts import ExportablePart

# The first with DeformConv is 19; this is the newest that PyTorch's exporter writes without
# converting.
OPSET = 20


def write_onnx(part: ExportablePart, program: torch.export.ExportedProgram, path: Path) -> None:
    """Write a part; all its operators are ONNX's own.

    Args:
        part: tells the names of inputs and outputs.
        program: the part, see `traced`.
        path: of the file.

    Raises:
        InputError: if the packages that write ONNX are missing.
    """
    try:
        from onnxscript import opset20
    except ImportError as error:
        raise InputError(
            "exporting to ONNX needs packages that are not installed: pip install onnx onnxscript "
            "onnxruntime"
        ) from error

    def deform_conv(
        image: Any,
        weight: Any,
        offset: Any,
        mask: Any,
        bias: Any,
        *numbers: int,
    ) -> Any:
        """Torchvision's operator by ONNX's; both have the order dy, dx and zeros outside."""
        stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups, offset_groups, _ = numbers
        return opset20.DeformConv(
            *(image, weight, offset, bias, mask),
            strides=[stride_y, stride_x],
            pads=[pad_y, pad_x, pad_y, pad_x],
            dilations=[dilation_y, dilation_x],
            group=groups,
            offset_group=offset_groups,
        )

    with _quiet():
        program = torch.onnx.export(
            program,
            input_names=list(part.examples),
            output_names=list(part.outputs),
            opset_version=OPSET,
            custom_translation_table={torch.ops.torchvision.deform_conv2d.default: deform_conv},
            external_data=False,
            verbose=False,
            dynamo=True,
        )
    graph = program.model.graph
    for node in graph.all_nodes():
        node.metadata_props.clear()  # paths and lines of the code that was traced
    program.save(str(path), external_data=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's warnings about PyTorch's own code."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
