"""Sections as a page of HTML that needs nothing else: formulas by KaTeX, which is inside, with its fonts."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from symgd.derivation.story import Chain, Item, Section, Sentence, Table, Words
from symgd.nodes.node import Node, node, substituted, tree_size
from symgd.printing.templates import environment, folder

__all__ = ["page"]

LONG = 45  # parts of a formula that leaves no room beside it
STARTER = (
    "for (const part of document.querySelectorAll('[data-tex]'))"
    " katex.render(part.dataset.tex, part, {displayMode: part.dataset.display === '1', throwOnError: false, trust: false, strict: 'ignore',"
    " maxSize: 50, maxExpand: 1000, output: 'html'});"
    "addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(part => part.open = true));"
)


@dataclass(frozen=True, slots=True)
class _Formula:
    tex: str
    text: str


def page(heading: Words, sections: Iterable[Section], tex: Callable[[Node], str], text: Callable[[Node], str]) -> str:
    """The whole page. Names of the user's arrive as inert text: attributes are escaped, KaTeX trusts nothing, scripts are allowed by hash."""
    write = _Writer(tex, text)
    scripts = [_katex("katex.min.js").decode(), STARTER]
    hashes = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return environment("html").get_template("derivation.html.jinja").render(
        title="".join(word if isinstance(word, str) else text(word) for word in heading),
        heading=write.words(heading),
        sections=[write.section(section) for section in sections],
        hashes=hashes, katex_css=_style(), katex_js=scripts[0], starter=scripts[1],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Writer:
    tex: Callable[[Node], str]
    text: Callable[[Node], str]

    def formula(self, part: Node, marked: Node | None = None) -> _Formula:
        shown = part if marked is None else substituted(part, {marked: node("marked", marked)})
        return _Formula(self.tex(shown), self.text(part))

    def words(self, words: Words) -> list[str | _Formula]:
        return [word if isinstance(word, str) else self.formula(word) for word in words]

    def section(self, section: Section) -> dict[str, Any]:
        return {"title": self.words(section.title), "folded": section.folded, "rows": [self.item(item) for item in section.items]}

    def item(self, item: Item) -> dict[str, Any]:
        if isinstance(item, Sentence):
            return {"kind": "sentence", "words": self.words(item.words)}
        if isinstance(item, Table):
            return {"kind": "table", "heads": item.heads, "rows": [[self.words(cell) for cell in row] for row in item.rows]}
        return {"kind": "chain", "lines": list(self.lines(item))}

    def lines(self, chain: Chain) -> Iterator[dict[str, Any]]:
        left = None if chain.left is None else _Formula(f"{self.tex(chain.left)} =", f"{self.text(chain.left)} =")
        yield {"left": left, "formula": self.formula(chain.first, chain.next), "why": [], "more": "", "long": tree_size(chain.first) > LONG}
        for n, row in enumerate(chain.rows):
            more = f"… {chain.more} more steps" if chain.more and n == len(chain.rows) - 1 else ""
            long = tree_size(row.formula) > LONG
            yield {
                "left": _Formula("=", "="), "formula": self.formula(row.formula, row.next), "why": self.words(row.reason), "more": more, "long": long,
            }  # fmt: skip


@cache
def _katex(name: str) -> bytes:
    return (folder() / "katex" / name).read_bytes()


@cache
def _style() -> str:
    """KaTeX's style sheet with the fonts inside it; faces that no formula here uses are left out."""

    def face(found: re.Match[str]) -> str:
        name = re.search(r"fonts/(KaTeX_[\w-]+\.woff2)", found[0])
        if name is None or not (folder() / "katex" / "fonts" / name[1]).is_file():
            return ""
        data = b64encode(_katex(f"fonts/{name[1]}")).decode()
        return re.sub(r"src:[^}]*", f'src:url(data:font/woff2;base64,{data}) format("woff2")', found[0])

    return re.sub(r"@font-face\{[^}]*\}", face, _katex("katex.min.css").decode())
