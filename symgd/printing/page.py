"""A page of HTML that needs nothing else: formulas are set by KaTeX, which is inside, with its fonts."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from symgd.printing.templates import environment, folder

__all__ = ["STARTER", "Formula", "Pieces", "katex", "page", "style"]

STARTER = (
    "for (const part of document.querySelectorAll('[data-tex]'))"
    " katex.render(part.dataset.tex, part, {displayMode: part.dataset.display === '1', throwOnError: false, trust: false, strict: 'ignore',"
    " maxSize: 50, maxExpand: 1000, output: 'html'});"
    "addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(part => part.open = true));"
)


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula in LaTeX, and as the text that stands there without scripts."""

    tex: str
    text: str


Pieces = Sequence[str | Formula]
"""A sentence: words, and formulas between them."""


def page(title: str, heading: Pieces, sections: Sequence[dict[str, Any]]) -> str:
    """The whole page. Names of the user's arrive as inert text: attributes are escaped, KaTeX trusts nothing, scripts are allowed by their hash.

    A section is `title` (pieces), `folded`, and `rows`: `{"kind": "sentence", "words"}`, `{"kind": "table", "heads", "rows"}` with pieces in cells,
    `{"kind": "chain", "lines"}` with `left`, `formula`, `why`, `more` and `long` for each line.
    """
    scripts = [katex("katex.min.js").decode(), STARTER]
    hashes = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    template = environment("html").get_template("page.html.jinja")
    return template.render(
        title=title, heading=heading, sections=sections, hashes=hashes, katex_css=style(), katex_js=scripts[0], starter=scripts[1]
    )  # fmt: skip


@cache
def katex(name: str) -> bytes:
    """A file of KaTeX, as it is shipped."""
    return (folder() / "katex" / name).read_bytes()


@cache
def style() -> str:
    """KaTeX's style sheet with the fonts inside it; faces that no formula here uses are left out."""

    def face(found: re.Match[str]) -> str:
        name = re.search(r"fonts/(KaTeX_[\w-]+\.woff2)", found[0])
        if name is None or not (folder() / "katex" / "fonts" / name[1]).is_file():
            return ""
        data = b64encode(katex(f"fonts/{name[1]}")).decode()
        return re.sub(r"src:[^}]*", f'src:url(data:font/woff2;base64,{data}) format("woff2")', found[0])

    return re.sub(r"@font-face\{[^}]*\}", face, katex("katex.min.css").decode())
