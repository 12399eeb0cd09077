"""Packages whose parts need Detectron2 import without it, and say so where such a part is used."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from stma_d2.detectron2_parts import needs_detectron2


@pytest.fixture
def package(monkeypatch):
    module = ModuleType("some_package")
    module.__all__ = ["needy"]
    monkeypatch.setitem(sys.modules, "some_package", module)
    return module


def test_a_missing_detectron2_is_told_where_it_is_needed(package):
    with needs_detectron2("some_package"):
        raise ModuleNotFoundError("No module named 'detectron2.config'", name="detectron2.config")
    with pytest.raises(ModuleNotFoundError, match="some_package.needy needs Detectron2, which is"):
        from some_package import needy  # noqa: F401
    # What the package never had is missing as in any other.
    assert not hasattr(package, "other")


@pytest.mark.parametrize("name", ["torch", "detectron2_extras"])
def test_any_other_missing_module_is_an_error_at_once(package, name):
    with pytest.raises(ModuleNotFoundError, match=name), needs_detectron2("some_package"):
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)


def test_with_detectron2_nothing_changes(package):
    with needs_detectron2("some_package"):
        package.needy = 1
    assert package.needy == 1
    assert not hasattr(package, "__getattr__")
