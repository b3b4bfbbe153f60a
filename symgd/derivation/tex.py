"""Sections as LaTeX: sentences with inline formulas, and chains as `align*` of amsmath, which KaTeX reads too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from symgd.derivation.story import Chain, Section, Sentence, Table, Words
from symgd.nodes.node import Node

__all__ = ["chain", "escaped", "tex"]

_ESCAPED = {letter: f"\\{letter}" for letter in "_%$&#{}"} | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
_ESCAPED |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}


def tex(sections: Iterable[Section], write: Callable[[Node], str]) -> str:
    """Paragraphs and display formulas for the body of a document with amsmath."""
    return "\n\n".join("\n\n".join(_section(section, write)) for section in sections)


def _section(section: Section, write: Callable[[Node], str]) -> Iterator[str]:
    if section.title:
        yield rf"\paragraph*{{{_words(section.title, write)}}}"
    for item in section.items:
        if isinstance(item, Sentence):
            yield _words(item.words, write)
        elif isinstance(item, Table):
            yield _table(item, write)
        else:
            yield f"\\begin{{align*}}\n{chain(item, write)}\n\\end{{align*}}"


def chain(item: Chain, write: Callable[[Node], str]) -> str:
    """The rows of an `align*`: formulas below each other, the reason behind each.

    >>> from symgd.derivation.story import Row
    >>> from symgd.nodes.latex import latex
    >>> from symgd.reading.text import expression
    >>> print(chain(Chain(expression("a"), expression("d/2"), (Row(expression("w"), ("halved",)),)), latex))
    a &= \\frac{d}{2} \\\\
    &= w && \\text{halved}
    """
    first = write(item.first)
    rows = [f"{write(item.left)} &= {first}" if item.left is not None else f"& {first}"]
    for n, row in enumerate(item.rows):
        if omitted := item.omitted(n):
            rows.append(rf"&\;\;\vdots && \text{{{omitted}}}")
        reason = _in_formula(row.reason, write)
        rows.append(f"&= {write(row.formula)}" + (f" && {reason}" if reason else ""))
    return " \\\\\n".join(rows)


def _table(table: Table, write: Callable[[Node], str]) -> str:
    rows = [" & ".join(rf"\text{{{head}}}" for head in table.heads) + r" \\ \hline"]
    rows += [" & ".join(_in_formula(cell, write) for cell in row) + r" \\" for row in table.rows]
    body = "\n".join(rows)
    return f"\\[\n\\begin{{array}}{{{'l' * len(table.heads)}}}\n{body}\n\\end{{array}}\n\\]"


def _words(words: Words, write: Callable[[Node], str]) -> str:
    return "".join(escaped(word) if isinstance(word, str) else f"${write(word)}$" for word in words)


def _in_formula(words: Words, write: Callable[[Node], str]) -> str:
    return "".join(rf"\text{{{escaped(word)}}}" if isinstance(word, str) else write(word) for word in words)


def escaped(word: str) -> str:
    """Words that LaTeX prints as they are.

    >>> print(escaped("d(u^v) & 50%"))
    d(u\\textasciicircum{}v) \\& 50\\%
    """
    return "".join(_ESCAPED.get(letter, letter) for letter in word)


def markdown(sections: Iterable[Section], write: Callable[[Node], str]) -> str:
    """The same for a notebook, which sets formulas between dollar signs."""
    lines: list[str] = []
    for section in sections:
        if section.title:
            lines.append(f"**{_words(section.title, write)}**")
        for item in section.items:
            if isinstance(item, Sentence):
                lines.append(_words(item.words, write))
            elif isinstance(item, Table):
                rows = [" & ".join(_in_formula(cell, write) for cell in row) for row in ([(head,) for head in item.heads], *item.rows)]
                body = " \\\\\n".join(rows)
                lines.append(f"$$\\begin{{array}}{{{'l' * len(item.heads)}}}\n{body}\n\\end{{array}}$$")
            else:
                lines.append(f"$$\\begin{{aligned}}\n{chain(item, write)}\n\\end{{aligned}}$$")
    return "\n\n".join(lines)
