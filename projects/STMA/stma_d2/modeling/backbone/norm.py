"""Other kinds of batch normalization than the plain one that a backbone is built with."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class FrozenBatchNorm(_BatchNorm):
    """Batch normalization of any dimension that always uses its running statistics, as they are.

    Weights have the names of plain batch normalization's, and are no longer trained.
    """

    def __init__(self, plain: _BatchNorm) -> None:
        """Take over all weights and statistics of ``plain``."""
        super().__init__(plain.num_features, eps=plain.eps)
        self.load_state_dict(plain.state_dict())
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> FrozenBatchNorm:
        """Stay in evaluation mode."""
        return super().train(False)

    def _check_input_dim(self, input: object) -> None:
        """Take any number of dimensions."""


def has_batch_norm(module: nn.Module) -> bool:
    """Whether `convert_norm` finds something to exchange."""
    return any(isinstance(part, _BatchNorm) for part in module.modules())


def convert_norm(module: nn.Module, norm: str) -> nn.Module:
    """Exchange the batch normalization in a backbone; the names of its weights stay.

    Args:
        module: the backbone, changed in place.
        norm: "BN" leaves it as it is; "SyncBN" computes statistics over all processes (GPUs only);
            "FrozenBN" keeps weights and running statistics as they were loaded.
    """
    if norm == "SyncBN":
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    if norm == "FrozenBN":
        for parent in list(module.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, _BatchNorm):
                    setattr(parent, name, FrozenBatchNorm(child))
    return module
