"""The meta-architecture: losses, sharing of features, decoding into video pixels."""

from __future__ import annotations

import pytest
import torch
from detectron2.modeling import build_model
from torch import nn

from stma_d2.errors import InputError
from stma_d2.modeling.inference_network import InferenceNetwork


@torch.no_grad()
def test_detections_lie_inside_the_video_with_sane_scores(tiny_cfg, tiny_model, make_sample):
    (result,) = tiny_model([make_sample(tiny_cfg)])
    boxes, scores = result["tubelets"].boxes, result["tubelets"].scores
    assert boxes.shape == (1, 10, 3, 4)
    assert scores.shape == (1, 10, 3)
    assert boxes.min() >= 0
    assert boxes[..., [0, 2]].max() <= 159
    assert boxes[..., [1, 3]].max() <= 119
    assert ((scores > 0) & (scores < 1)).all()
    assert (scores[0].sum(dim=1).diff() <= 0).all(), "best center first"


@pytest.mark.parametrize("counts", [(0, 2), (0,)])
def test_windows_without_actions_train_every_weight(tiny_cfg, tiny_model, make_sample, counts):
    samples = [make_sample(tiny_cfg, num_instances=n, seed=n) for n in counts]
    losses = tiny_model.train()(samples)
    sum(losses.values()).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in tiny_model.parameters())
    if sum(counts) == 0:
        assert [losses[n].item() for n in ("loss_movement", "loss_size", "loss_cls")] == [0, 0, 0]


def test_the_weights_of_equations_8_and_9_multiply_the_losses(tiny_cfg, make_sample):
    sample = make_sample(tiny_cfg, num_instances=2)

    def losses_with(**weights):
        for name, weight in weights.items():
            setattr(tiny_cfg.MODEL.STMA.LOSS_WEIGHT, name, weight)
        torch.manual_seed(0)
        return build_model(tiny_cfg).train()([sample])

    plain = losses_with(CLS=1.0, CENTER=1.0, REG=1.0, SIZE=1.0)
    paper = losses_with(CLS=0.01, CENTER=1.0, REG=0.5, SIZE=0.1)
    expected = {"loss_cls": 0.01, "loss_center": 1.0, "loss_movement": 0.5, "loss_size": 0.05}
    for name, factor in expected.items():
        assert paper[name].item() == pytest.approx(factor * plain[name].item(), rel=1e-5)


def test_sure_and_right_class_maps_leave_no_loss(tiny_cfg, tiny_model, make_sample):
    """Losses of perfect centers, movement and sizes: `test_box_coder`."""
    sample = make_sample(tiny_cfg, num_instances=1)  # of class 0
    for sure_of, expected in ((0, 0), (1, 50)):
        with torch.no_grad():
            tiny_model.action_head.classify.weight.zero_()
            tiny_model.action_head.classify.bias.copy_(50.0 * torch.eye(3)[sure_of])
        weight = tiny_model.loss_weights["loss_cls"]
        loss = tiny_model.train()([sample])["loss_cls"].item()
        assert loss == pytest.approx(expected * weight, abs=1e-6)


def test_class_aware_localization_refuses_a_3d_backbone(tiny_cfg):
    tiny_cfg.MODEL.STMA.CENTER.CLASS_AGNOSTIC = False
    with pytest.raises(InputError, match="MODEL.BACKBONE_3D.NAME"):
        build_model(tiny_cfg)


@torch.no_grad()
def test_compiled_backbones_keep_names_and_results(
    tiny_cfg, tiny_model, make_sample, assert_same_tubelets, monkeypatch
):
    """Traced as for any backend; generating code for the processor would take a minute."""
    plain = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self: plain(self, backend=count_graphs))
    graphs = []

    def count_graphs(graph, inputs):
        graphs.append(graph)
        return graph

    tiny_cfg.MODEL.COMPILE = True
    torch.manual_seed(0)
    compiled = build_model(tiny_cfg).eval()
    assert list(compiled.state_dict()) == list(tiny_model.state_dict())
    sample = make_sample(tiny_cfg)
    (expected,), (result,) = tiny_model([sample]), compiled([sample])
    assert len(graphs) == 2, "one whole graph each"
    assert_same_tubelets(result["tubelets"], expected["tubelets"])


def test_the_3d_backbone_gets_its_own_colors_mean_and_std(tiny_cfg, make_sample):
    tiny_cfg.MODEL.BACKBONE_3D.PIXEL_MEAN = [10.0, 20.0, 30.0]
    tiny_cfg.MODEL.BACKBONE_3D.PIXEL_STD = [1.0, 2.0, 4.0]
    model = build_model(tiny_cfg).eval()
    laid_out = InferenceNetwork(model, amp=False).get()
    seen = []
    for network in (model, laid_out):
        network.backbone_3d.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    sample = make_sample(tiny_cfg)
    with torch.no_grad():
        for network in (model, laid_out):
            network.clip_features(sample["frames"], sample["clip_index"])
    blue, green, red = sample["frames"].float().unbind(1)
    expected = torch.stack([red - 10, (green - 20) / 2, (blue - 30) / 4])
    (clip,), frames = seen
    assert torch.allclose(clip, expected) and torch.allclose(frames, expected.transpose(0, 1))


def test_a_batch_of_different_sizes_is_refused_in_training(tiny_cfg, tiny_model, make_sample):
    samples = [make_sample(tiny_cfg, num_instances=1) for _ in range(2)]
    samples[1]["frames"] = samples[1]["frames"][..., :32]
    with pytest.raises(InputError, match="one size"):
        tiny_model.train()(samples)


BACKBONES = {
    "Detectron2's ResNet-50-FPN": ("build_resnet_fpn_backbone", "p2"),
    "timm's ConvNeXt under an FPN": ("build_timm_fpn_backbone", "p2"),
    "a coarser map": ("build_timm_fpn_backbone", "p3"),
}


@pytest.mark.parametrize("name", BACKBONES)
def test_other_peoples_backbones_serve(tiny_cfg, make_sample, name):
    tiny_cfg.MODEL.BACKBONE.NAME, tiny_cfg.MODEL.BACKBONE.OUT_FEATURE = BACKBONES[name]
    tiny_cfg.MODEL.RESNETS.OUT_FEATURES = ["res2", "res3", "res4", "res5"]
    tiny_cfg.MODEL.FPN.IN_FEATURES = ["res2", "res3", "res4", "res5"]
    tiny_cfg.MODEL.FPN.OUT_CHANNELS = 16
    torch.manual_seed(0)
    model = build_model(tiny_cfg).train()
    stride = {"p2": 4, "p3": 8}[BACKBONES[name][1]]
    assert model.stride == stride
    losses = model([make_sample(tiny_cfg, num_instances=2, stride=stride)])
    sum(losses.values()).backward()
    trained = [p.grad for p in model.backbone.parameters() if p.grad is not None]
    assert trained and all(torch.isfinite(gradient).all() for gradient in trained)
    with torch.no_grad():
        (result,) = model.eval()([make_sample(tiny_cfg, num_windows=2)])
    assert result["tubelets"].boxes.shape == (2, 10, 3, 4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"BACKBONE.NAME": "build_timm_fpn_backbone"}, "OUT_FEATURE is ''.*p2, p3"),
        ({"BACKBONE.OUT_FEATURE": "p9"}, "OUT_FEATURE is 'p9'.*features"),
        (
            {
                "BACKBONE.NAME": "build_timm_fpn_backbone",
                "BACKBONE.TIMM_NAME": "nothing",
                "BACKBONE.OUT_FEATURE": "p2",
            },
            "TIMM_NAME is 'nothing'",
        ),
        (
            {"BACKBONE.NAME": "build_resnet_backbone", "BACKBONE.NORM": "SyncBN"},
            r"BACKBONE.NORM is 'SyncBN', .* set MODEL.RESNETS.NORM and MODEL.FPN.NORM",
        ),
        (
            {"BACKBONE.NAME": "build_timm_fpn_backbone", "BACKBONE.NORM": "FrozenBN"},
            "BACKBONE.NORM is 'FrozenBN', which build_timm_fpn_backbone does not read",
        ),
        (
            {"BACKBONE.NAME": "build_resnet_fpn_backbone"},
            "BACKBONE.NAME build_resnet_fpn_backbone cannot be built of MODEL.RESNETS",
        ),
        (
            {"BACKBONE.NAME": "build_resnet_fpn_backbone", "RESNETS.OUT_FEATURES": []},
            r"MODEL.RESNETS.OUT_FEATURES \[\] and MODEL.FPN.IN_FEATURES \[\], with ",
        ),
        (
            {
                "BACKBONE.NAME": "build_resnet_fpn_backbone",
                "BACKBONE.OUT_FEATURE": "p3",
                "RESNETS.OUT_FEATURES": ["res3", "res4"],
                "FPN.IN_FEATURES": ["res3", "res4"],
            },
            r"MODEL.FPN.IN_FEATURES is \['res3', 'res4'\]; .* also needs the last one, 'res5'",
        ),
    ],
)
def test_what_does_not_fit_says_why(tiny_cfg, changes, words):
    tiny_cfg.merge_from_list([x for k, v in changes.items() for x in (f"MODEL.{k}", v)])
    with pytest.raises(InputError, match=words):
        build_model(tiny_cfg)


def test_an_input_size_that_the_strides_do_not_divide_is_refused(tiny_cfg):
    tiny_cfg.INPUT.SIZE = (64, 80)
    with pytest.raises(InputError, match=r"INPUT.SIZE is \(64, 80\).*multiples of 32"):
        build_model(tiny_cfg)
