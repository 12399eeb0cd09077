"""The endless stream of training samples: what comes when depends on its seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from ..structures import WindowsOfVideo
from .windows import WindowIndex

# What a number of the seed's is drawn for, so that no two purposes share their random numbers.
_ORDER, _AUGMENTATION, _BACKGROUND, _REPLACEMENT = range(4)


class TrainingStream(IterableDataset):
    """Shuffled epochs of an index, one after the other, cut into batches.

    The item at a position of the stream, and the seed of its augmentation, depend on the stream's
    seed and the position: not on where the stream was entered, nor on how many processes and
    workers share it. A batch is made by one worker (Detectron2's own loaders spread its samples
    over the workers, so that their number changes the batches).
    """

    def __init__(
        self,
        index: WindowIndex,
        batch_size: int,
        seed: int,
        *,
        background: WindowIndex | None = None,
        background_share: float = 0.0,
        start_iter: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Enter the stream.

        Args:
            index: what an epoch holds.
            batch_size: of all processes together; a multiple of ``world_size``.
            seed: at least 0, the same on all processes.
            background: other windows, of which some take the place of the index's.
            background_share: the probability that they do, at each position.
            start_iter: the batch to begin with, counted from 0.
            rank: of this process, which takes every ``world_size``-th item of a batch.
            world_size: the number of processes.
        """
        self._index = index
        self._batch_size = batch_size
        self._seed = seed
        self._background, self._background_share = background, background_share
        self._start_iter = start_iter
        self._rank, self._world_size = rank, world_size
        self._epoch, self._order = -1, np.zeros(0, dtype=np.int64)

    def __iter__(self) -> Iterator[WindowsOfVideo]:
        """The items of this process; one of n workers yields those of every n-th batch."""
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for iteration in count(self._start_iter + first, step):
            start = iteration * self._batch_size
            for position in range(start + self._rank, start + self._batch_size, self._world_size):
                yield self.item_at(position)

    def item_at(self, position: int) -> WindowsOfVideo:
        """The window at a 0-based position of the stream, with the seed of its augmentation."""
        seed = (self._seed, _AUGMENTATION, position)
        return {**self._window_at(position), "seed": seed, "position": position}

    def replacement_at(self, position: int, attempt: int) -> WindowsOfVideo:
        """The window that takes the place of one that cannot be read; ``attempt`` counts from 0."""
        generator = np.random.default_rng((self._seed, _REPLACEMENT, position, attempt))
        number = generator.integers(len(self._index))
        seed = (self._seed, _AUGMENTATION, position, attempt)
        return {**self._index[number], "seed": seed, "position": position}

    def _window_at(self, position: int) -> WindowsOfVideo:
        if self._background is not None:
            generator = np.random.default_rng((self._seed, _BACKGROUND, position))
            if generator.random() < self._background_share:
                return self._background[generator.integers(len(self._background))]
        epoch, number = divmod(position, len(self._index))
        if epoch != self._epoch:
            generator = np.random.default_rng((self._seed, _ORDER, epoch))
            self._epoch, self._order = epoch, generator.permutation(len(self._index))
        return self._index[self._order[number]]
