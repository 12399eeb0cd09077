"""Going through the videos of a test set on several processors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

_Result = TypeVar("_Result")
_MOST_THREADS = 4  # what is neither compiled nor numpy's runs on one of them at a time


def over_videos(function: Callable[[str], _Result], videos: Sequence[str]) -> Iterator[_Result]:
    """Call ``function`` for each of ``videos``, in as many threads as torch has.

    So ``OMP_NUM_THREADS`` sets their number; torchrun sets it to 1.

    Args:
        function: of a video's name; changes nothing that another call reads.
        videos: the names.

    Yields:
        the results, in the order of ``videos``.
    """
    threads = min(torch.get_num_threads(), _MOST_THREADS)
    if threads == 1:
        yield from map(function, videos)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, videos)
