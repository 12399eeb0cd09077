"""Going through the videos or the classes of a test set on several processors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

_Item, _Result = TypeVar("_Item"), TypeVar("_Result")
_MOST_THREADS = 4  # what is neither compiled nor numpy's runs on one of them at a time


def in_threads(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """Call ``function`` for each of ``items``, in as many threads as torch has.

    So ``OMP_NUM_THREADS`` sets their number; torchrun sets it to 1.

    Args:
        function: of an item, such as a video's name; changes nothing that another call reads.
        items: what to call it with.

    Yields:
        the results, in the order of ``items``.
    """
    threads = min(torch.get_num_threads(), _MOST_THREADS)
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, items)
