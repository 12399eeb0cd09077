"""Ranking the detections of a whole test set by their scores."""

from __future__ import annotations

import numpy as np

from ..compiled import compiled

_DIGIT = 11  # bits that are sorted at a time


def ranked(scores: np.ndarray, outcomes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort detections, the best first; of equal scores the earlier stands first.

    A radix sort, which takes the outcomes along: several times faster than numpy's stable sort, and
    without its array of 8 bytes a detection.

    Args:
        scores: (D,) float32 or float64, finite.
        outcomes: (D,) int8.

    Returns:
        Both sorted, in arrays of their own.
    """
    bits = np.dtype(f"i{scores.itemsize}")
    keys = _flipped((scores + 0).view(bits))  # - 0 becomes + 0, which equals it
    keys, outcomes = _sort(keys.view(f"u{scores.itemsize}"), outcomes.copy())
    return _flipped(keys.view(bits)).view(scores.dtype), outcomes


def _flipped(bits: np.ndarray) -> np.ndarray:
    """Let the bits of floating-point numbers, read as unsigned integers, rise where these fall.

    The same operation turns them back.
    """
    return np.where(bits < 0, bits, bits ^ np.iinfo(bits.dtype).max)


@compiled
def _sort(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort (n,) unsigned keys, and the values with them; both are overwritten."""
    other_keys, other_values = np.empty_like(keys), np.empty_like(values)
    mask = np.uint64((1 << _DIGIT) - 1)
    for first_bit in range(0, 8 * keys.itemsize, _DIGIT):
        shift = np.uint64(first_bit)
        places = np.zeros((1 << _DIGIT) + 1, np.int64)  # where the next key of each digit goes
        for key in keys:
            places[((np.uint64(key) >> shift) & mask) + np.uint64(1)] += 1
        places = np.cumsum(places)
        for i in range(len(keys)):
            digit = (np.uint64(keys[i]) >> shift) & mask
            other_keys[places[digit]] = keys[i]
            other_values[places[digit]] = values[i]
            places[digit] += 1
        keys, other_keys = other_keys, keys
        values, other_values = other_values, values
    return keys, values
