"""The network as inference runs it: the fastest exact layout of the device at hand."""

from __future__ import annotations

import copy
from itertools import chain

import torch
from torch import nn

from .backbone import BottleneckNet3D, SharedStemNet3D, fold_batch_norm
from .precision import autocast_dtype


class InferenceNetwork:
    """Makes the network that inference runs, and keeps it while the weights stay as they are.

    On processors it is a copy: batch normalization is folded into the convolutions, the 2D backbone
    keeps its channels last, and the 3D backbone is a `SharedStemNet3D`. The weights that this
    changes are held a second time: 4 bytes for each of the 2D backbone's convolutions', 4 (2 with
    mixed precision) for each of the 3D backbone's, 190 MB (95) for ResNeXt-101. On GPUs, in
    training mode and with MODEL.COMPILE it is the network itself.
    """

    def __init__(self, model: nn.Module, amp: bool) -> None:
        """Take an `STMA`, which stays as it is; ``amp`` is whether 16 bits are asked for."""
        self._model = model
        self._dtype = autocast_dtype(model.device) if amp else torch.float32
        self._state: object = None
        self._copy = model

    def get(self) -> nn.Module:
        """The network with the present weights.

        Weights that change by training, loading, averaging, ``to`` or any other operation that
        PyTorch counts are seen; writing into a weight's ``.data`` is not.
        """
        if not self._takes_copy():
            return self._model
        state = _state_of(self._model)
        if state is None or state != self._state:
            self._copy, self._state = _laid_out(self._model, self._dtype), state
        return self._copy

    def _takes_copy(self) -> bool:
        model = self._model
        compiled = any(m._compiled_call_impl is not None for m in model.children())
        return model.device.type == "cpu" and not model.training and not compiled


@torch.no_grad()
def _laid_out(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The copy for processors; it shares every weight that does not change."""
    network = copy.copy(model)
    network._modules = {name: _folded(child, dtype) for name, child in model.named_children()}
    network.backbone = _ChannelsLast(network.backbone)
    return network


def _folded(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    # A subclass of the 3D network may do more.
    if type(module).forward is BottleneckNet3D.forward:
        return SharedStemNet3D(module, dtype)
    return fold_batch_norm(module)


class _ChannelsLast(nn.Module):
    """A 2D backbone whose convolutions work on maps whose channels lie last, in float32 too.

    Training lays its maps out so in 16 bits only, see `channels_last_where_faster`.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: torch.Tensor) -> object:
        """What ``backbone`` gives for ``images`` (N, 3, H, W)."""
        return self.backbone(images.contiguous(memory_format=torch.channels_last))


def _state_of(model: nn.Module) -> object:
    """Something that changes whenever a weight does; None where PyTorch does not count changes."""
    tensors = list(chain(model.parameters(), model.buffers()))
    if any(tensor.is_inference() for tensor in tensors):
        return None
    return [(id(tensor), tensor.data_ptr(), tensor._version) for tensor in tensors]
