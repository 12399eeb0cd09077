"""Every backbone builds from its name and gives what its output_shape says."""

from __future__ import annotations

import pytest
import torch
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY

from stma_d2.config import load_config
from stma_d2.modeling.backbone import ResNeXt3D


@pytest.fixture
def cfg():
    cfg = load_config("")
    cfg.MODEL.BACKBONE.STEM_CHANNELS = 6
    cfg.MODEL.BACKBONE_3D.STEM_CHANNELS = 4
    cfg.MODEL.BACKBONE_3D.DEPTH = 50
    return cfg


@pytest.mark.parametrize(
    ("name", "input_shape", "channels", "stride"),
    [
        ("build_dla34_backbone", (2, 3, 64, 32), 64, 4),
        ("build_resnet18_backbone", (2, 3, 64, 32), 64, 4),
        ("build_small_resnet_backbone", (2, 3, 64, 32), 12, 4),
        ("build_resnext3d_backbone", (2, 3, 16, 64, 32), 2048, 32),
        ("build_small_resnext3d_backbone", (2, 3, 16, 64, 32), 64, 32),
    ],
)
def test_output_is_as_announced_and_every_parameter_takes_part(
    cfg, name, input_shape, channels, stride
):
    torch.manual_seed(0)
    model = BACKBONE_REGISTRY.get(name)(cfg, ShapeSpec(channels=3))
    images = torch.randn(input_shape)
    features = model(images)
    assert model.output_shape() == {"features": ShapeSpec(channels=channels, stride=stride)}
    height, width = input_shape[-2:]
    assert features.shape[:2] == (2, channels)
    assert features.shape[-2:] == (height // stride, width // stride)
    assert features.isfinite().all()
    # An unused parameter would stop distributed training.
    features.square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    with torch.no_grad():  # at inference nothing depends on the batch
        alone, together = model.eval()(images[1:]), model(images)
    torch.testing.assert_close(alone, together[1:], atol=1e-5, rtol=1e-4)


def test_the_depth_comes_from_the_configuration(cfg):
    with torch.device("meta"):
        model = BACKBONE_REGISTRY.get("build_resnext3d_backbone")(cfg, ShapeSpec(channels=3))
    assert isinstance(model, ResNeXt3D)
    assert len(model.layer3) == 6
