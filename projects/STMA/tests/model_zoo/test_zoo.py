"""Configurations by name."""

from __future__ import annotations

import pytest
import torch

from stma_d2 import model_zoo
from stma_d2.errors import InputError

NAME = "Synthetic/STMA_tiny_K5.yaml"


def test_a_configuration_is_found_by_its_name():
    assert model_zoo.get_config_file(NAME).endswith(NAME)
    assert model_zoo.get_config(NAME).MODEL.STMA.NUM_CLASSES == 10


def test_a_model_is_built_ready_for_inference():
    model = model_zoo.get(NAME)
    assert model.num_classes == 10
    assert not model.training


def test_the_device_may_be_chosen():
    """The third argument, as in Detectron2's ``model_zoo.get``."""
    for device in ("cpu", torch.device("cpu")):
        model = model_zoo.get(NAME, False, device)
        assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    for trained in (False, True):
        with pytest.raises(InputError, match=r"MODEL\.DEVICE .*'foo'.* must be 'cpu'"):
            model_zoo.get(NAME, trained, "foo")


def test_an_unknown_name_is_told_with_the_closest_that_exist():
    with pytest.raises(InputError, match=r"Synthetic/STMA_tiny_K5\.yaml"):
        model_zoo.get_config_file("Synthetic/STMA_tiny.yaml")
