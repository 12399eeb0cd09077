"""Samples on their way from a data loading worker to the training process."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import torch

# Smaller data travels by value, so that whoever keeps it keeps no frames.
_LARGE = 2**16  # bytes
_ALIGNMENT = 64  # of each array's place in the common memory, bytes


class SampleBatch(list):
    """A list of samples that crosses processes as one tensor, and arrives as a plain list.

    PyTorch hands over each tensor's memory by a file descriptor of its own. A training sample has
    about 20 tensors, and with those of a few batches a process would soon have too many open files.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """See `pickle`; large tensors, on the CPU, become parts of one memory."""
        arrays: list[np.ndarray] = []

        def keep_large(buffer: pickle.PickleBuffer) -> bool:
            """Whether pickle is to write the data itself."""
            array = np.frombuffer(buffer.raw(), dtype=np.uint8)
            if len(array) >= _LARGE:
                arrays.append(array)
            return len(array) < _LARGE

        file = io.BytesIO()
        _TensorPickler(file, protocol=5, buffer_callback=keep_large).dump(list(self))
        places, end = [], 0
        for array in arrays:
            places.append((end, end + len(array)))
            end += -(-len(array) // _ALIGNMENT) * _ALIGNMENT
        memory = torch.empty(end, dtype=torch.uint8)
        for (start, stop), array in zip(places, arrays, strict=True):
            memory.numpy()[start:stop] = array
        return _unpack, (file.getvalue(), places, memory)


class _TensorPickler(pickle.Pickler):
    """Takes tensors for arrays, whose data pickle can leave to its caller."""

    def reducer_override(self, obj: Any) -> Any:
        return (_to_tensor, (obj.numpy(),)) if isinstance(obj, torch.Tensor) else NotImplemented


def _to_tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array)


def _unpack(data: bytes, places: list[tuple[int, int]], memory: torch.Tensor) -> list[Any]:
    view = memoryview(memory.numpy())
    return pickle.loads(data, buffers=[view[start:stop] for start, stop in places])
