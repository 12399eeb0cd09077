"""Checkpoints must fit whole, but an initialization need not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stma_d2.checkpoint import TubeletCheckpointer, load_for_evaluation
from stma_d2.errors import InputError


def network(width=3):
    return nn.Sequential(nn.Linear(2, width), nn.Linear(width, 1))


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(1)
    TubeletCheckpointer(network(), str(tmp_path)).save("weights")
    return str(tmp_path / "weights.pth")


def test_a_checkpoint_that_fits_is_loaded_whole(weights, tmp_path):
    model = network()
    assert load_for_evaluation(model, weights, str(tmp_path / "none"), resume=False) == weights
    saved = torch.load(weights)["model"]
    assert all(torch.equal(value, saved[key]) for key, value in model.state_dict().items())


def test_an_evaluation_refuses_other_shapes_and_names_them(weights, tmp_path):
    with pytest.raises(InputError, match=r"weights\.pth .*0\.weight has shape \(3, 2\).*\(5, 2\)"):
        load_for_evaluation(network(5), weights, str(tmp_path), resume=False)


def test_an_evaluation_refuses_missing_and_surplus_tensors(weights, tmp_path):
    with pytest.raises(InputError, match="2 tensors .*2.weight is missing"):
        load_for_evaluation(
            nn.Sequential(*network(), nn.Linear(1, 1)), weights, str(tmp_path), resume=False
        )
    with pytest.raises(InputError, match="1.weight is not in the model"):
        load_for_evaluation(nn.Sequential(nn.Linear(2, 3)), weights, str(tmp_path), resume=False)


def test_an_initialization_may_fit_in_part(weights, tmp_path):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    TubeletCheckpointer(model, str(tmp_path / "new")).resume_or_load(weights, resume=False)
    saved = torch.load(weights)["model"]
    assert torch.equal(model[0].weight, saved["0.weight"])


def test_resuming_takes_the_last_checkpoint_and_insists_on_its_shapes(weights, tmp_path):
    with pytest.raises(InputError, match="does not fit"):
        TubeletCheckpointer(network(5), str(tmp_path)).resume_or_load("", resume=True)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint no\.pth; check MODEL\.WEIGHTS"):
        load_for_evaluation(network(), "no.pth", str(tmp_path), resume=False)
    with pytest.raises(InputError, match="add MODEL.WEIGHTS"):
        load_for_evaluation(network(), "", str(tmp_path), resume=True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"epoch": 3, "state_dict": {"0.weight": torch.ones(3, 2)}}, "of Detectron2's kind"),
        ([torch.ones(3, 2)], "of Detectron2's kind"),
        ({"conv1.weight": torch.ones(3, 2)}, "nothing in .* fits the configured model"),
        ({"0.weight": torch.ones(7, 7)}, "nothing in .* fits the configured model"),
        (nn.Linear(1, 1), r"damaged or no checkpoint \(UnpicklingError\)"),
    ],
    ids=["wrapped", "a list", "other names", "other shapes", "a module"],
)
def test_what_other_projects_save_is_refused_with_the_tool_that_converts_it(
    tmp_path, content, reason
):
    torch.save(content, tmp_path / "other.pth")
    checkpointer = TubeletCheckpointer(network(), str(tmp_path / "new"))
    with pytest.raises(InputError, match=reason) as error:
        checkpointer.resume_or_load(str(tmp_path / "other.pth"), resume=False)
    assert "tools/convert_weights.py" in str(error.value)


@pytest.mark.parametrize("name", ["damaged.pth", "damaged.pkl"])
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match=f"{name} is damaged or no checkpoint"):
        load_for_evaluation(network(), str(tmp_path / name), str(tmp_path), resume=False)
