"""Loops that numba compiles, once a machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile ``function`` at its first call and keep the machine code on disk.

    It lies beside the source or, where that folder is read-only, in the user's cache folder
    (``NUMBA_CACHE_DIR`` names another); where no folder can be written, every process compiles for
    itself. numba looks for changes only in the function's own file, so a compiled function calls
    compiled functions of the same file only. Arithmetic rounds as numpy's does: nothing is
    reordered or fused. Other threads run meanwhile.
    """
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder for the cache
        return numba.njit(nogil=True, error_model="numpy")(function)
