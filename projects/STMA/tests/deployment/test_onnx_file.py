"""Parts as ONNX files give what they give in PyTorch."""

from __future__ import annotations

import sys

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from stma_d2.deployment.exported import OnnxPart
from stma_d2.deployment.onnx_file import OPSET, write_onnx
from stma_d2.deployment.parts import ExportablePart, traced
from stma_d2.errors import InputError
from stma_d2.modeling.backbone.deform import ModulatedDeformConv2d
from stma_d2.modeling.backbone.dla import IterativeUp

version = tuple(map(int, onnxruntime.__version__.split(".")[:2]))
needs_deform_conv = pytest.mark.skipif(
    version < (1, 25), reason="this ONNX Runtime has no DeformConv on CPUs"
)


@pytest.fixture
def assert_same(other_rows, tmp_path):
    """Writes a part and compares; gives the file."""

    @torch.no_grad()
    def compare(part):
        path = tmp_path / "part.onnx"
        write_onnx(part, traced(part), path)
        run = OnnxPart(path)
        for inputs in other_rows(part):
            found, expected = run(*inputs), part.module(*inputs)
            assert len(found) == len(expected) == len(part.outputs)
            for one, other in zip(found, expected, strict=True):
                assert one.shape == other.shape
                assert (one - other).abs().max() <= 1e-4 * other.abs().max().clamp(min=1)
        return onnx.load(path)

    return compare


# The shipped network, with 3D branch and motion excitation, is exported whole in other tests.
@pytest.mark.parametrize(
    ("kind", "name"), [("moc", "frames"), ("moc", "windows"), ("cfam, one frame", "windows")]
)
def test_a_file_gives_what_the_part_gives(make_network, parts_of, assert_same, kind, name):
    part = parts_of(*make_network(kind))[name]
    model = assert_same(part)
    assert {(one.domain, one.version) for one in model.opset_import} == {("", OPSET)}
    assert [value.name for value in model.graph.input] == list(part.examples)
    assert [value.name for value in model.graph.output] == list(part.outputs)
    assert all(not node.metadata_props and not node.doc_string for node in model.graph.node)


class _Module(nn.Module):
    """Gives a tuple, as parts do."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, maps):
        return (self.module(maps),)


def deforming(module, *shape):
    """A part of that module, whose offsets reach over several pixels and over the border."""
    torch.manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, ModulatedDeformConv2d):
            nn.init.normal_(layer.offset_mask.weight, std=0.5)
            nn.init.normal_(layer.bias)
    return ExportablePart(_Module(module.eval()), {"maps": torch.randn(2, *shape)}, ("out",), "B")


@needs_deform_conv
def test_deformable_convolution_is_torchvisions(assert_same, other_rows, monkeypatch):
    part = deforming(ModulatedDeformConv2d(6, 4), 6, 9, 12)
    layer = part.module.module
    (maps,) = next(other_rows(part))
    with torch.no_grad():
        offset = layer.offset_mask(maps)[:, :18]
    assert offset.abs().max() > 3 and offset.std() > 1
    # The expected value is torchvision's own operator, not the one that CPUs use here.
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    model = assert_same(part)
    assert "DeformConv" in {node.op_type for node in model.graph.node}


class _Join(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = IterativeUp([4, 6], [2])

    def forward(self, fine):
        return self.up([fine, torch.cat([fine[..., ::2, ::2], fine[:, :2, 1::2, 1::2]], 1)])[-1]


@needs_deform_conv
def test_upsampling_of_the_aggregation_network_is_written(assert_same):
    assert_same(deforming(_Join(), 4, 8, 12))


def test_missing_packages_are_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match="pip install onnx onnxscript onnxruntime"):
        write_onnx(deforming(nn.ReLU(), 1), None, tmp_path / "part.onnx")
