"""Batch normalization folded into the convolution before it: one pass over the maps fewer."""

from __future__ import annotations

import copy
from itertools import chain, pairwise

import detectron2.layers
from timm.models.dla import DlaBasic, DlaRoot
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.resnet import BasicBlock
from torchvision.ops import DeformConv2d

from .deform import DeformBlock
from .norm import FrozenBatchNorm
from .resnet import DeformUp

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, DeformConv2d)
# Exactly these: a subclass may do more, as timm's, which also applies an activation.
_NORMS = (
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    FrozenBatchNorm,
    detectron2.layers.FrozenBatchNorm2d,
    detectron2.layers.NaiveSyncBatchNorm,
)
# Modules that are known to run a convolution and the normalization registered after it in a row.
_IN_ORDER = (nn.Sequential, BasicBlock, DlaBasic, DlaRoot, DeformBlock, DeformUp)


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """A copy of ``module`` whose convolutions do the work of the normalizations behind them.

    Where it is not certain that a normalization directly follows a convolution, both stay. The
    copy shares every weight that does not change; hooks are copied too.

    Args:
        module: in evaluation mode; stays as it is.
    """
    tensors = chain(module.parameters(), module.buffers())
    module = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    for parent in list(module.modules()):
        if type(parent) in _IN_ORDER:
            for (name, conv), (norm_name, norm) in pairwise(list(parent.named_children())):
                if isinstance(conv, _CONVOLUTIONS) and _is_fixed(norm):
                    setattr(parent, name, folded_convolution(conv, norm))
                    setattr(parent, norm_name, nn.Identity())
        elif isinstance(parent, detectron2.layers.Conv2d) and _is_fixed(parent.norm):
            fused = folded_convolution(parent, parent.norm)
            parent.weight, parent.bias, parent.norm = fused.weight, fused.bias, None
    return module


def folded_convolution(conv: nn.Module, norm: nn.Module) -> nn.Module:
    """A convolution of any kind that gives ``norm(conv(x))``, up to rounding."""
    return fuse_conv_bn_eval(conv, norm, transpose=isinstance(conv, nn.ConvTranspose2d))


def _is_fixed(norm: nn.Module | None) -> bool:
    """Whether it is batch normalization by running statistics."""
    return type(norm) in _NORMS and not norm.training and norm.running_mean is not None
