"""Pages of HTML that are one file each and ask no network for anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from ..files import atomic_write
from .figures import to_svg


def render_page(template: str, **content: Any) -> str:
    """Fill a template of this package; all text in ``content`` is escaped.

    Args:
        template: its file name in ``templates``.
        **content: values by name; a matplotlib figure becomes an SVG element.
    """
    environment = Environment(
        loader=PackageLoader("stma_d2.visualization"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = _svg
    environment.filters["breakable"] = _breakable
    return environment.get_template(template).render(**content)


def write_page(path: str | Path, template: str, **content: Any) -> None:
    """As `render_page`, into a file, whole or not at all."""
    text = render_page(template, **content)
    with atomic_write(path) as file:
        file.write(text.encode())


def _breakable(value: Any) -> Markup:
    """A path or a name, which a narrow column may break after its parts."""
    return Markup(re.sub(r"([/_]+)", r"\1<wbr>", str(escape(value))))


def _svg(figure: Figure) -> Markup:
    return Markup(to_svg(figure))  # matplotlib has escaped the labels
