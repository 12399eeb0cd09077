"""What of the package needs Detectron2; exported networks run on machines without it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_detectron2(package: str) -> Iterator[None]:
    """Import what needs Detectron2; where it is not installed, whoever uses it is told so.

    Args:
        package: the ``__name__`` of the package whose ``__init__`` imports, after which stands
            nothing but ``__all__``.

    Raises:
        ModuleNotFoundError: for any other module that is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not is_detectron2(error):
            raise
        module = sys.modules[package]

        def missing(name: str) -> object:
            if name not in module.__all__:
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            raise ModuleNotFoundError(
                f"{package}.{name} needs Detectron2, which is not installed", name="detectron2"
            )

        module.__getattr__ = missing


def is_detectron2(missing: ModuleNotFoundError) -> bool:
    """Whether the module that is missing is Detectron2."""
    return (missing.name or "").partition(".")[0] == "detectron2"
