"""Networks of all kinds, to be exported."""

from __future__ import annotations

import pytest
import torch
from detectron2.modeling import build_model
from torch import nn

_WITHOUT_CLIPS = ("MODEL.BACKBONE_3D.NAME", "")
KINDS = {
    "stma": (),
    "causal": ("INPUT.SNIPPET_POSITION", "end", "MODEL.BACKBONE_3D.INPUT_FORMAT", "BGR"),
    "cfam, one frame": (
        *(*_WITHOUT_CLIPS, "MODEL.STMA.ACTION.ATTENTION", "cfam", "INPUT.SNIPPET_LENGTH", 1),
    ),
    "without excitation": ("MODEL.STMA.ACTION.MOTION_EXCITATION", False),
    # Class-aware centers, width and height.
    "moc": (
        *(*_WITHOUT_CLIPS, "MODEL.STMA.CENTER.CLASS_AGNOSTIC", False),
        *("MODEL.STMA.SIZE.GAUSSIAN", False, "MODEL.STMA.MOVEMENT.GAUSSIAN", False),
        *("INPUT.SNIPPET_LENGTH", 7),
    ),
}


@pytest.fixture
def make_network(tiny_cfg):
    """Makes a tiny network of a kind, whose every layer does something: configuration and model."""

    def make(kind):
        cfg = tiny_cfg.clone()
        cfg.merge_from_list(list(KINDS[kind]))
        cfg.DATASETS.TEST, cfg.MODEL.WEIGHTS = (), ""
        cfg.TEST.LINKING.MIN_TUBELET_SCORE = 0.0
        torch.manual_seed(0)
        model = build_model(cfg).eval()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
                module.running_mean.normal_(std=0.2)
                module.running_var.uniform_(0.7, 1.3)
            if isinstance(getattr(module, "scale", None), nn.Parameter):
                nn.init.constant_(module.scale, 0.5)  # of the attention; it starts at 0
        for head in (model.center_head, model.movement_head, model.size_head):
            nn.init.normal_(head.layers[-1].weight, std=0.3)
        return cfg, model

    return make


@pytest.fixture
def parts_of():
    """The exportable parts of a network."""
    from stma_d2.deployment.parts import exportable_parts

    @torch.no_grad()
    def part(cfg, model):
        inputs = cfg.INPUT
        return exportable_parts(model, inputs.SIZE, inputs.SNIPPET_LENGTH, inputs.CLIP_LENGTH)

    return part


@pytest.fixture
def other_rows():
    """Inputs of a part with other numbers of rows than it is traced by: several, and one."""

    def make(part):
        generator = torch.Generator().manual_seed(1)
        for rows in (3, 1):
            yield [
                torch.randint(256, (rows, *x.shape[1:]), dtype=x.dtype, generator=generator)
                if x.dtype == torch.uint8
                else torch.randn(rows, *x.shape[1:], generator=generator)
                for x in part.examples.values()
            ]

    return make
