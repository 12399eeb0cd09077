"""What tests of networks share."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session")
def with_statistics():
    """Brings a module into evaluation mode, with seeded normalizations that do something."""

    def change(module):
        generator = torch.Generator().manual_seed(0)
        for child in module.modules():
            if isinstance(getattr(child, "running_var", None), torch.Tensor):
                child.running_mean.normal_(std=0.2, generator=generator)
                for tensor in (child.running_var, child.weight.data):
                    tensor.uniform_(0.7, 1.3, generator=generator)
                child.bias.data.normal_(std=0.2, generator=generator)
        return module.eval()

    return change
