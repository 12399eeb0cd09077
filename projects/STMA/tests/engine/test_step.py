"""One step: gradients of micro-batches, mixed precision, and what a checkpoint keeps of it."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from stma_d2.config import load_config
from stma_d2.engine.step import AccumulatingTrainer, check_batch_size
from stma_d2.errors import InputError

CPU = torch.device("cpu")


def make_trainer(model, batch=(), **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return AccumulatingTrainer(model, [list(batch)], optimizer, device=CPU, **options)


def freeze_statistics(model):
    """Let a clip's output not depend on the others of its batch."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def check_close(ours, theirs, tolerance=1e-5):
    """Equal up to rounding, measured against the largest entry."""
    for name, gradient in theirs.items():
        scale = gradient.abs().max()
        assert (ours[name] - gradient).abs().max() <= tolerance * scale, name


class Regression(nn.Module):
    """The loss (weight . input)^2 a sample, the mean over instances, one each; no images."""

    loss_weights = {"loss": 1.0}

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, samples):
        inputs = torch.stack([sample["input"] for sample in samples])
        return {"loss": (inputs @ self.weight).float().square().mean()}

    def loss_divisors(self, samples):
        return {"loss": len(samples)}


def regression_sample(*values):
    return {"input": torch.tensor(values)}


@pytest.mark.parametrize("micro_batches", [2, 4])
def test_micro_batches_give_the_whole_batch_s_losses_and_gradient(
    tiny_cfg, tiny_model, make_sample, micro_batches
):
    """Uneven numbers of instances, one micro-batch of four has none."""
    counts = [3, 1, 0, 2]
    samples = [make_sample(tiny_cfg, 1, count, seed) for seed, count in enumerate(counts)]
    trainer = make_trainer(tiny_model, micro_batches=micro_batches)
    freeze_statistics(tiny_model)
    whole_losses = tiny_model(samples)
    sum(whole_losses.values()).backward()
    whole = gradients(tiny_model)
    tiny_model.zero_grad()
    losses = trainer.accumulate(samples)
    check_close(gradients(tiny_model), whole)
    assert losses.keys() == whole_losses.keys()
    for name, loss in whole_losses.items():
        torch.testing.assert_close(losses[name], loss.detach())
        assert not losses[name].requires_grad


def test_equally_full_micro_batches_count_evenly_as_processes_do(tiny_cfg, tiny_model, make_sample):
    """The mean of the parts' gradients, with batch normalization over each part."""
    samples = [make_sample(tiny_cfg, 1, 2, seed) for seed in range(4)]
    trainer = make_trainer(tiny_model, micro_batches=2)
    parts = []
    for part in (samples[:2], samples[2:]):
        tiny_model.zero_grad()
        sum(tiny_model(part).values()).backward()
        parts.append(gradients(tiny_model))
    tiny_model.zero_grad()
    trainer.accumulate(samples)
    check_close(gradients(tiny_model), {n: (parts[0][n] + parts[1][n]) / 2 for n in parts[0]})


def test_a_step_of_micro_batches_updates_once():
    """Inputs (1, 0), (3, 0): the loss (1 + 9) / 2 w^2 has the gradient 10 w."""
    model = Regression([1.0, 1.0])
    batch = [regression_sample(1.0, 0.0), regression_sample(3.0, 0.0)]
    with EventStorage() as storage:
        make_trainer(model, batch, micro_batches=2).run_step()
    assert model.weight.tolist() == pytest.approx([1 - 0.05 * 10, 1])
    assert storage.latest()["total_loss"][0] == pytest.approx(5)
    assert "data_time" in storage.latest()


class ThreeLosses(Regression):
    """The loss of `Regression`, 3, and what is 0 by its weight."""

    loss_weights = {"loss": 0.25, "three": 6.0, "off": 0.0}

    def forward(self, samples):
        loss = super().forward(samples)["loss"]
        return {"loss": loss * 0.25, "three": loss * 0 + 3 * 6.0, "off": loss * 0.0}

    def loss_divisors(self, samples):
        return dict.fromkeys(self.loss_weights, len(samples))


def test_losses_are_told_without_their_weights_too():
    """(1 + 9) / 2 and 3; what a weight of 0 hides cannot be told."""
    batch = [regression_sample(1.0), regression_sample(3.0)]
    with EventStorage() as storage:
        make_trainer(ThreeLosses([1.0]), batch, micro_batches=2).run_step()
    told = {name: value for name, (value, _) in storage.latest().items() if "unweighted" in name}
    assert told == pytest.approx({"unweighted/loss": 5, "unweighted/three": 3})
    assert storage.latest()["total_loss"][0] == pytest.approx(5 * 0.25 + 3 * 6)


def test_a_loss_that_is_not_finite_leaves_the_weights_alone():
    model = Regression([1.0])
    batch = [regression_sample(1.0), regression_sample(float("nan"))]
    with EventStorage(), pytest.raises(FloatingPointError, match="infinite or NaN"):
        make_trainer(model, batch, micro_batches=2).run_step()
    assert model.weight.tolist() == [1]


@pytest.fixture
def one_process_group(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_processes_exchange_gradients_once_a_step(one_process_group):
    model = Regression([1.0, 1.0])
    wrapped, exchanged = DistributedDataParallel(model), []

    def exchange(state, bucket):
        exchanged.append(bucket.buffer().clone())
        future = torch.futures.Future()
        future.set_result(bucket.buffer())
        return future

    wrapped.register_comm_hook(None, exchange)
    trainer = make_trainer(wrapped, micro_batches=3)
    trainer.accumulate([regression_sample(float(i), 0.0) for i in range(3)])
    (gradient,) = exchanged  # of all three: (0 + 1 + 4) / 3 * 2 w
    assert gradient.tolist() == pytest.approx([10 / 3, 0])
    assert model.weight.grad.tolist() == pytest.approx([10 / 3, 0])


SMALL = ["MODEL.BACKBONE.NAME", "build_small_resnet_backbone"]
CLASS_AWARE = ["MODEL.STMA.CENTER.CLASS_AGNOSTIC", False, "MODEL.BACKBONE_3D.NAME", ""]


@pytest.mark.parametrize("mixed_precision", [False, True])
@pytest.mark.parametrize("instances", [0, 2])
@pytest.mark.parametrize(
    "overrides",
    [
        SMALL,
        ["INPUT.SNIPPET_LENGTH", 1],
        ["MODEL.BACKBONE_3D.NAME", "", "MODEL.STMA.ACTION.MOTION_EXCITATION", False],
        [*CLASS_AWARE, "MODEL.STMA.MOVEMENT.GAUSSIAN", False, "MODEL.STMA.SIZE.GAUSSIAN", False],
        ["MODEL.BACKBONE_3D.CHECKPOINT_ACTIVATIONS", True],
    ],
    ids=["full", "one frame", "no aggregation", "moc", "checkpointing"],
)
def test_every_parameter_has_a_gradient_even_without_instances(
    tiny_cfg, make_sample, overrides, instances, mixed_precision
):
    """So that DistributedDataParallel need not search for unused parameters."""
    tiny_cfg.merge_from_list(overrides)
    model = build_model(tiny_cfg)
    trainer = make_trainer(model, mixed_precision=mixed_precision)
    losses = trainer.accumulate([make_sample(tiny_cfg, 1, instances, seed) for seed in range(2)])
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert all(loss.dtype == torch.float32 for loss in losses.values())
    without = {name for name, loss in losses.items() if loss == 0}
    assert without == (losses.keys() - {"loss_center"} if instances == 0 else set())


def test_bfloat16_gives_nearly_the_gradient_of_float32(tiny_cfg, tiny_model, make_sample):
    """The statistics of four clips would let any rounding grow: they are fixed here."""
    samples = [make_sample(tiny_cfg, 1, 2, seed) for seed in range(4)]
    found = []
    for mixed_precision in (False, True):
        tiny_model.zero_grad()
        trainer = make_trainer(tiny_model, mixed_precision=mixed_precision)
        freeze_statistics(tiny_model)
        losses = trainer.accumulate(samples)
        gradient = torch.cat([p.grad.flatten() for p in tiny_model.parameters()])
        assert gradient.dtype == torch.float32
        found.append((losses, gradient))
    (exact, exact_gradient), (rounded, rounded_gradient) = found
    for name, loss in exact.items():
        assert rounded[name].item() == pytest.approx(loss.item(), rel=0.02)
        assert not torch.equal(rounded[name], loss)
    cosine = torch.cosine_similarity(exact_gradient, rounded_gradient, dim=0)
    assert cosine > 0.99


@pytest.fixture
def float16(monkeypatch):
    """The type of GPUs without bfloat16."""
    monkeypatch.setattr("stma_d2.engine.step.autocast_dtype", lambda device: torch.float16)


def test_float16_scales_gradients_that_would_vanish(float16):
    """The gradient 2 w x^2 = 2e-8 is 0 in float16; scaled by 2^16 it is 1.3e-3."""
    model = Regression([1e-4])
    trainer = make_trainer(model, [regression_sample(1e-2)], mixed_precision=True)
    with EventStorage():
        trainer.run_step()
    assert model.weight.item() == pytest.approx(1e-4 - 0.05 * 2e-8, rel=1e-6)


def test_float16_leaves_out_a_step_whose_gradient_overflows(float16):
    model = Regression([1.0])
    trainer = make_trainer(model, [regression_sample(10.0)], mixed_precision=True)
    with EventStorage():
        trainer.run_step()  # 2^16 * 20 is beyond float16
    assert model.weight.item() == 1
    state = trainer.state_dict()
    assert state["grad_scaler"]["scale"] == 2.0**15
    resumed = make_trainer(Regression([1.0]), mixed_precision=True)
    resumed.load_state_dict(state)
    assert resumed.grad_scaler.get_scale() == 2.0**15


def test_a_training_may_go_on_in_another_precision(float16):
    exact, scaled = (make_trainer(Regression([1.0]), mixed_precision=m) for m in (False, True))
    assert exact.state_dict()["grad_scaler"] == {}
    exact.load_state_dict(make_trainer(Regression([1.0]), mixed_precision=True).state_dict())
    scaled.load_state_dict(exact.state_dict())
    assert scaled.grad_scaler.get_scale() == 2.0**16


def test_a_loader_that_comes_later_is_read_from_its_start():
    trainer = make_trainer(Regression([1.0, 1.0]))
    trainer.read_from([[regression_sample(1.0, 0.0)]])
    with EventStorage() as storage:
        trainer.run_step()
    assert storage.latest()["total_loss"][0] == pytest.approx(1)


def adam(model, *, decay=0.0):
    """Adam in two groups: the second layer has its own weight decay."""
    groups = [
        {"params": list(model[1].parameters()), "weight_decay": decay},
        {"params": list(model[0].parameters())},
    ]
    return torch.optim.Adam(groups[:: 1 if decay else -1], lr=0.5)


def test_moments_find_their_parameters_whatever_the_groups():
    """So that a resumed training may have other weight decays, which regroup the parameters."""

    def network():
        return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))

    model = network()
    trainer = AccumulatingTrainer(model, [], adam(model), device=CPU)
    model(torch.ones(1, 2)).sum().backward()
    trainer.optimizer.step()
    saved = trainer.state_dict()

    other = network()
    resumed = AccumulatingTrainer(other, [], adam(other, decay=0.1), device=CPU)
    resumed.load_state_dict(saved)
    moments = {
        name: resumed.optimizer.state[parameter] for name, parameter in other.named_parameters()
    }
    for name, parameter in model.named_parameters():
        assert moments[name]["step"] == 1
        torch.testing.assert_close(moments[name]["exp_avg"], 0.1 * parameter.grad)
    assert [group["weight_decay"] for group in resumed.optimizer.param_groups] == [0.1, 0]


def test_a_batch_divides_into_micro_batches_of_all_processes(monkeypatch):
    cfg = load_config("", ["SOLVER.IMS_PER_BATCH", "24", "SOLVER.ACCUMULATION_STEPS", "6"])
    check_batch_size(cfg)
    monkeypatch.setattr("stma_d2.engine.step.comm.get_world_size", lambda: 8)
    with pytest.raises(InputError, match=r"IMS_PER_BATCH 24 .* into 6 .* each of 8 processes"):
        check_batch_size(cfg)
