"""The Jinja2 templates of everything that is generated."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment", "folder"]


@cache
def environment(kind: str) -> Environment:
    """The templates as Jinja2 reads them for one kind of output: `python`, `latex`, `text` or `html`.

    A tag alone in its line leaves nothing behind, an undefined name is an error, and only HTML is escaped.

    >>> print(environment("text").from_string("{% for t in (1, 2) %}\\n    step {{ t }}\\n{% endfor %}").render(), end="")
        step 1
        step 2
    >>> environment("html").from_string("{{ condition }}").render(condition="x < 1")
    'x &lt; 1'
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder()),
        undefined=StrictUndefined,
        autoescape=kind == "html",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def folder() -> Path:
    """The package's own templates in an installed wheel, the folder beside the package in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"
