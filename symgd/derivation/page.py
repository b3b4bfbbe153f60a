"""Sections as a page: what folds, what is coloured, where a reason stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from symgd.derivation.story import Chain, Item, Section, Sentence, Table, Words
from symgd.nodes.node import Node, node, substituted, tree_size
from symgd.printing.page import Formula
from symgd.printing.page import page as whole

__all__ = ["page"]

LONG = 45  # parts of a formula that leaves no room beside it


def page(heading: Words, sections: Iterable[Section], tex: Callable[[Node], str], text: Callable[[Node], str]) -> str:
    """The whole page; `tex` and `text` write a formula."""
    write = _Writer(tex, text)
    title = "".join(word if isinstance(word, str) else text(word) for word in heading)
    return whole(title, write.words(heading), [write.section(section) for section in sections])


@dataclass(frozen=True, slots=True)
class _Writer:
    tex: Callable[[Node], str]
    text: Callable[[Node], str]

    def formula(self, part: Node, marked: Node | None = None) -> Formula:
        shown = part if marked is None else substituted(part, {marked: node("marked", marked)})
        return Formula(self.tex(shown), self.text(part))

    def words(self, words: Words) -> list[str | Formula]:
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
        left = None if chain.left is None else Formula(f"{self.tex(chain.left)} =", f"{self.text(chain.left)} =")
        yield {"left": left, "formula": self.formula(chain.first, chain.next), "why": [], "more": "", "long": tree_size(chain.first) > LONG}
        for n, row in enumerate(chain.rows):
            omitted = chain.omitted(n)
            more = f"… {omitted}" if omitted else ""
            line = {"left": Formula("=", "="), "formula": self.formula(row.formula, row.next), "why": self.words(row.reason), "more": more}
            yield {**line, "long": tree_size(row.formula) > LONG}
