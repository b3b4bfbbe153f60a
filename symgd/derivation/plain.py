"""Sections as plain text, for terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from symgd.derivation.story import Chain, Item, Section, Sentence, Table, Words
from symgd.nodes.node import Node

__all__ = ["plain"]

COLUMN = 64  # where reasons begin, if the formulas are no longer


def plain(sections: Iterable[Section], write: Callable[[Node], str]) -> str:
    """Titles, sentences, and chains with their reasons in a column.

    >>> from symgd.derivation.story import Row
    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import expression
    >>> chain = Chain(None, expression("d/2"), (Row(expression("w"), ("halved",)),))
    >>> print(plain([Section(("By w",), (chain,))], text))
    By w
        d/2
        = w    halved
    """
    return "\n\n".join("\n".join(_section(section, write)) for section in sections)


def _section(section: Section, write: Callable[[Node], str]) -> Iterable[str]:
    if section.title:
        yield _words(section.title, write)
    indent = "    " if section.title else ""
    for item in section.items:
        yield from (f"{indent}{line}" if line else "" for line in _item(item, write))


def _item(item: Item, write: Callable[[Node], str]) -> Iterable[str]:
    if isinstance(item, Sentence):
        yield _words(item.words, write)
    elif isinstance(item, Table):
        yield from _table(item, write)
    else:
        yield from _chain(item, write)


def _chain(chain: Chain, write: Callable[[Node], str]) -> Iterable[str]:
    first = write(chain.first)
    rows = [(f"= {write(row.formula)}", _words(row.reason, write)) for row in chain.rows]
    if chain.left is not None:
        yield f"{write(chain.left)} = {first}"
    elif rows and not rows[0][1] and len(rows) == 1:
        yield f"{first} {rows[0][0]}"
        return
    else:
        yield first
    width = min(COLUMN, max((len(formula) for formula, _ in rows), default=0))
    indent = "  " if chain.left is not None else ""
    for n, (formula, reason) in enumerate(rows):
        if omitted := chain.omitted(n):
            yield f"{indent}... {omitted}"
        if len(formula) > COLUMN and reason:
            yield indent + formula
            yield f"{indent}      by {reason}"
        else:
            yield (indent + (f"{formula:<{width}}    {reason}" if reason else formula)).rstrip()


def _table(table: Table, write: Callable[[Node], str]) -> Iterable[str]:
    rows = [list(table.heads), *([_words(cell, write) for cell in row] for row in table.rows)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(table.heads))]
    for row in rows:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _words(words: Words, write: Callable[[Node], str]) -> str:
    return "".join(word if isinstance(word, str) else write(word) for word in words)
